"""Read and write submissions as safetensors; all other fields are in the metadata key `submission`."""

import json
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from reference_impl.array import Array
from verifier.documents.arrays import read_array, tensors_to_numpy
from verifier.documents.json import (
    DEFAULT_BOUNDS,
    Bounds,
    check_arrays,
    check_numbers,
    check_text,
    parse,
    to_json,
)
from verifier.documents.writing import arrays_to_lists
from verifier.problem.errors import (
    ErrorCollector,
    UnreadableSubmission,
    describe,
    malformed,
)

TEXT = "submission"
ARRAYS_ALONE = "only arrays"
GROUPS = ("parameters", "gradients", "masks", "inputs")  # a graph has several inputs, by name
SINGLES = ("inputs", "targets")


def join_tensors(
    tensors: Mapping[str, Any], text: str | None, bounds: Bounds = DEFAULT_BOUNDS
) -> dict[str, Any]:
    """Return the document of tensors and a text. Raises: MalformedSubmission for unknown tensor names."""
    if text is None:
        rule = f"a submission: its arrays, and the other fields as a JSON text named {TEXT!r}"
        remedy = "if they are a student's gradients, add --assignment FILE"
        raise malformed("", rule, ARRAYS_ALONE, remedy)
    errors = ErrorCollector()
    document = parse(text, bounds)
    if not isinstance(document, dict):
        raise malformed("", f"one JSON object named {TEXT!r}", describe(document))
    for group in GROUPS:
        if group in document and group not in SINGLES and not isinstance(document[group], dict):
            errors.add(f"/{group}", "an object of arrays by name", describe(document[group]))
    errors.raise_if_any()
    for name, tensor in tensors.items():
        group, _, member = name.partition(".")
        members = document.get(group)
        if name in document or (group in GROUPS and isinstance(members, dict) and member in members):
            errors.add("", "every field once", f"{name[:60]!r} both as a tensor and in the text")
        elif name in SINGLES:
            document[name] = tensor
        elif group in GROUPS and member and isinstance(members, dict | None):
            document.setdefault(group, {})[member] = tensor
        else:
            errors.add(
                "",
                "tensors named inputs, targets, parameters.…, gradients.… or masks.…",
                f"the tensor {name[:60]!r}",
            )
    errors.raise_if_any()
    for group in ("parameters", "gradients"):
        document.setdefault(group, {})
    return document


def split_tensors(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (tensors by name, the other fields), the inverse of `assemble`."""
    tensors: dict[str, Any] = {}
    for name in (*SINGLES, *(group for group in GROUPS if group not in SINGLES)):
        value = document.get(name)
        if isinstance(value, Mapping):
            tensors |= {f"{name}.{member}": _tensor(tensor) for member, tensor in value.items()}
        elif value is not None:
            tensors[name] = _tensor(value)
    rest = {key: value for key, value in document.items() if key not in (*SINGLES, *GROUPS)}
    return tensors, arrays_to_lists(rest)


def _tensor(value: Any) -> Array:
    """Return lists as an array; strings such as "NaN" become non-finite numbers."""
    value = tensors_to_numpy(value)
    array = np.asarray(value)
    if array.dtype.kind in "fiu":
        return array
    errors = ErrorCollector()
    numbers = read_array(value, (), errors, finite=False)
    errors.raise_if_any()
    assert numbers is not None
    return numbers


LARGEST_HEADER = 1 << 20
LARGEST_SIZE = 1 << 40  # of one dimension
BFLOAT16 = "BF16"
_MOST_DIMENSIONS = 8

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1",
}  # fmt: skip


def parse_safetensors(content: bytes, bounds: Bounds = DEFAULT_BOUNDS) -> dict[str, Any]:
    """Return the document. Raises: UnreadableSubmission for a damaged or oversized header."""
    tensors, text, formats = read_tensors_and_text(content, bounds)
    document = join_tensors(tensors, text, bounds)
    gradient_formats = {format_name for name, format_name in formats.items() if name.startswith("gradients.")}
    if gradient_formats == {BFLOAT16}:  # numpy has no bfloat16, so the arrays no longer have this type
        document.setdefault("precision", "bfloat16")
    return document


def read_tensors_and_text(
    content: bytes, bounds: Bounds = DEFAULT_BOUNDS
) -> tuple[dict[str, Array], str | None, dict[str, str]]:
    """Return a file's tensors by name, the metadata text, and the tensors' dtypes by name (`BF16`).

    Raises: UnreadableSubmission.
    """
    tensors, header = _read(content, bounds)
    text = (header.get("__metadata__") or {}).get(TEXT)
    return tensors, text, {name: header[name]["dtype"] for name in tensors}


def read_tensors(content: bytes) -> dict[str, Array]:
    """Return a file's tensors by name; bfloat16 as float32. Raises: UnreadableSubmission."""
    return _read(content, DEFAULT_BOUNDS)[0]


def _read(content: bytes, bounds: Bounds) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the tensors by name, and the header."""
    length = int.from_bytes(content[:8], "little")
    if length > min(LARGEST_HEADER, len(content) - 8):
        raise UnreadableSubmission(
            f"a header of at most {LARGEST_HEADER} bytes within the file", f"{length} bytes"
        )
    check_text(content[8 : 8 + length], bounds)
    try:
        header = json.loads(content[8 : 8 + length], object_pairs_hook=_without_duplicates)
        (header.get("__metadata__") or {}).get(TEXT)
        _check_sizes(header, bounds)
        tensors = {name: _array(name, view) for name, view in deserialize(content)}  # type: ignore[no-untyped-call]
    except UnreadableSubmission:
        raise
    except (SafetensorError, RecursionError, ValueError, AttributeError, OverflowError) as error:
        raise UnreadableSubmission("a safetensors file", f"a damaged one: {str(error)[:200]}") from None
    return tensors, header


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise UnreadableSubmission("every tensor once", "a name more than once", "remove all but one")
    return result


def _check_sizes(header: dict[str, Any], bounds: Bounds) -> None:
    """Check the shapes in the header against the bounds; `deserialize` checks them against the data."""
    tensors = [entry for name, entry in header.items() if name != "__metadata__"]
    shapes = [entry.get("shape") for entry in tensors if isinstance(entry, dict)]
    plain = [shape for shape in shapes if isinstance(shape, list) and {*map(type, shape)} <= {int}]
    check_arrays(len(shapes), bounds)
    check_numbers(sum(prod(shape[:_MOST_DIMENSIONS]) for shape in plain), bounds)


def write_safetensors(document: dict[str, Any]) -> bytes:
    """Return the bytes of a document whose arrays are numpy arrays."""
    tensors, rest = split_tensors(document)
    arrays = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    return bytes(save(arrays, metadata={TEXT: to_json(rest)}))


def _array(name: str, view: dict[str, Any]) -> Array:
    if len(view["shape"]) > _MOST_DIMENSIONS or any(size > LARGEST_SIZE for size in view["shape"]):
        raise UnreadableSubmission("tensors of few dimensions", f"{name[:60]!r} of more than the file holds")
    if view["dtype"] == BFLOAT16:  # the upper half of a float32
        upper = np.frombuffer(view["data"], dtype="<u2").astype("<u4") << 16
        return upper.view("<f4").reshape(view["shape"])
    if view["dtype"] not in _DTYPES:
        raise UnreadableSubmission("tensors of real numbers", f"{name[:60]!r} of type {view['dtype']}")
    return np.frombuffer(view["data"], dtype=_DTYPES[view["dtype"]]).reshape(view["shape"])
