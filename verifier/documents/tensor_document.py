"""Convert between a document and named tensors with a JSON text, the content of npz and safetensors files.

Tensors are named `inputs`, `targets`, `masks.layers.0`, `parameters.layers.0.weight` and
`gradients.layers.0.weight`, and in a graph `inputs.x`. All other fields are in one JSON text with the name
`submission`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import read_array, without_tensors
from verifier.documents.bounds import GENEROUS, Bounds
from verifier.documents.json_text import parse
from verifier.documents.mistakes import MalformedSubmission, Mistake, Mistakes, shown
from verifier.documents.submission_document import with_lists

TEXT = "submission"
GROUPS = ("parameters", "gradients", "masks", "inputs")  # a graph has several inputs, by name
SINGLES = ("inputs", "targets")


def assemble(tensors: Mapping[str, Any], text: str | None, bounds: Bounds = GENEROUS) -> dict[str, Any]:
    """Return the document of tensors and a text. Raises: MalformedSubmission for unknown tensor names."""
    if text is None:
        rule = f"everything but the tensors as one JSON text named {TEXT!r}"
        raise MalformedSubmission([Mistake("", rule, "none")])
    mistakes = Mistakes()
    document = parse(text, bounds)
    if not isinstance(document, dict):
        raise MalformedSubmission([Mistake("", f"one JSON object named {TEXT!r}", shown(document))])
    for group in GROUPS:
        if group in document and group not in SINGLES and not isinstance(document[group], dict):
            mistakes.add(f"/{group}", "an object of arrays by name", shown(document[group]))
    mistakes.raise_if_any()
    for name, tensor in tensors.items():
        group, _, member = name.partition(".")
        members = document.get(group)
        if name in document or (group in GROUPS and isinstance(members, dict) and member in members):
            mistakes.add("", "every field once", f"{name[:60]!r} both as a tensor and in the text")
        elif name in SINGLES:
            document[name] = tensor
        elif group in GROUPS and member and isinstance(members, dict | None):
            document.setdefault(group, {})[member] = tensor
        else:
            mistakes.add(
                "",
                "tensors named inputs, targets, parameters.…, gradients.… or masks.…",
                f"the tensor {name[:60]!r}",
            )
    mistakes.raise_if_any()
    for group in ("parameters", "gradients"):
        document.setdefault(group, {})
    return document


def take_apart(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (tensors by name, the other fields), the inverse of `assemble`."""
    tensors: dict[str, Any] = {}
    for name in (*SINGLES, *(group for group in GROUPS if group not in SINGLES)):
        value = document.get(name)
        if isinstance(value, Mapping):
            tensors |= {f"{name}.{member}": _tensor(tensor) for member, tensor in value.items()}
        elif value is not None:
            tensors[name] = _tensor(value)
    rest = {key: value for key, value in document.items() if key not in (*SINGLES, *GROUPS)}
    return tensors, with_lists(rest)


def _tensor(value: Any) -> Array:
    """Return lists as an array; strings such as "NaN" become non-finite numbers."""
    value = without_tensors(value)
    array = np.asarray(value)
    if array.dtype.kind in "fiu":
        return array
    mistakes = Mistakes()
    numbers = read_array(value, "", mistakes, finite=False)
    mistakes.raise_if_any()
    assert numbers is not None
    return numbers
