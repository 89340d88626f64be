"""A document out of named tensors and a JSON text, and back: what npz and safetensors share.

Tensors are named `inputs`, `targets`, `masks.layers.0`, `parameters.layers.0.weight`,
`gradients.layers.0.weight`; everything else is one JSON text under the name `submission`.
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
GROUPS = ("parameters", "gradients", "masks")
SINGLES = ("inputs", "targets")


def assemble(tensors: Mapping[str, Any], text: str | None, bounds: Bounds = GENEROUS) -> dict[str, Any]:
    """Put tensors and text together. Raises: MalformedSubmission for names without a place."""
    if text is None:
        rule = f"everything but the tensors as one JSON text named {TEXT!r}"
        raise MalformedSubmission([Mistake("", rule, "none")])
    mistakes = Mistakes()
    document = parse(text, bounds)
    if not isinstance(document, dict):
        raise MalformedSubmission([Mistake("", f"one JSON object named {TEXT!r}", shown(document))])
    for group in GROUPS:
        if group in document and not isinstance(document[group], dict):
            mistakes.add(f"/{group}", "an object of arrays by name", shown(document[group]))
    mistakes.raise_if_any()
    for name, tensor in tensors.items():
        group, _, member = name.partition(".")
        if name in document or (group in GROUPS and member in document.get(group, {})):
            mistakes.add("", "every field once", f"{name[:60]!r} both as a tensor and in the text")
        elif name in SINGLES:
            document[name] = tensor
        elif group in GROUPS and member:
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
    """Give (tensors by name, the rest), the inverse of `assemble`."""
    tensors = {name: _tensor(document[name]) for name in SINGLES if name in document}
    for group in GROUPS:
        for member, tensor in (document.get(group) or {}).items():
            tensors[f"{group}.{member}"] = _tensor(tensor)
    rest = {key: value for key, value in document.items() if key not in (*SINGLES, *GROUPS)}
    return tensors, with_lists(rest)


def _tensor(value: Any) -> Array:
    """Give lists as an array, the contract's words for non-finite numbers included."""
    value = without_tensors(value)
    array = np.asarray(value)
    if array.dtype.kind in "fiu":
        return array
    mistakes = Mistakes()
    numbers = read_array(value, "", mistakes, finite=False)
    mistakes.raise_if_any()
    assert numbers is not None
    return numbers
