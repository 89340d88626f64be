"""Read and write submissions as JSON, npz or safetensors; the first bytes determine the format."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from verifier.documents.json import DEFAULT_BOUNDS, Bounds, parse, to_json
from verifier.documents.matlab import MAT_5, OCTAVE_TEXT, OTHER_VERSIONS, SAVE_REMEDY, read_matrices
from verifier.documents.npz import parse_npz, write_npz
from verifier.documents.reading import AnySubmission, read_any_submission
from verifier.documents.safetensors import join_tensors, parse_safetensors, write_safetensors
from verifier.documents.writing import arrays_to_lists
from verifier.problem.errors import UnreadableSubmission

_JSON = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*(?:[-{\[\"0-9]|true|false|null|NaN|Infinity)")
_UNSUPPORTED = {b"\x80": "a pickle", b"\x93NUMPY": "a single numpy array"}
SUFFIXES = (".json", ".npz", ".safetensors")
MATLAB_SUFFIX = ".mat"  # gradients alone


def load(path: str | Path) -> AnySubmission:
    """Return the submission in a file.

    Parameters
    ----------
    path : str or Path
        A JSON, npz or safetensors file. Its first bytes determine the format, not its suffix.

    Returns
    -------
    Submission or GraphSubmission
        A `GraphSubmission` if the network is a graph of nodes.

    Raises
    ------
    OSError
        If the file cannot be read.
    MalformedSubmission
        If the document is invalid. `errors` has all errors, each with its JSON pointer.

    Examples
    --------
    >>> report = verify(load("homework.json"))
    """
    return read_any_submission(parse_bytes(Path(path).read_bytes()))


def parse_bytes(content: bytes, bounds: Bounds = DEFAULT_BOUNDS, declared: str | None = None) -> Any:
    """Return the document in a file's bytes, with numpy arrays where the format has arrays.

    declared: the format that the sender declared; None to detect it from the first bytes.
    Raises: UnreadableSubmission if the bytes have no supported format, or another than declared;
    OversizedSubmission if the document exceeds the bounds.
    """
    file_format = resolve_format(content, declared)
    if file_format == "npz":
        return parse_npz(content, bounds)
    if file_format == "safetensors":
        return parse_safetensors(content, bounds)
    if file_format == "json":
        return parse(content, bounds)
    if file_format == "mat":
        return join_tensors(read_matrices(content, bounds), None, bounds)
    if not content.strip():
        raise UnreadableSubmission("a submission", "an empty file")
    if content.startswith(OTHER_VERSIONS):
        raise UnreadableSubmission("a .mat file of version 5 to 7", "another version, or HDF5", SAVE_REMEDY)
    kind = next((kind for magic, kind in _UNSUPPORTED.items() if content.startswith(magic)), "none of them")
    raise UnreadableSubmission(
        "JSON text, an npz or a safetensors file", kind, "write JSON, npz (numpy.savez) or safetensors"
    )


def format_of(content: bytes) -> str | None:
    """Return the format of the first bytes (`json`, `npz`, `safetensors` or `mat`); None for any other."""
    if content[:2] == b"PK":
        return "npz"
    if content.startswith((MAT_5, OCTAVE_TEXT)):
        return "mat"
    # safetensors begins with the header's length; the first bytes of JSON would be a length above 2**48
    if content[8:9] == b"{" and int.from_bytes(content[:8], "little") < 2**48:
        return "safetensors"
    return "json" if _JSON.match(content) else None


def resolve_format(content: bytes, declared: str | None) -> str | None:
    """Return the declared or detected format. Raises: UnreadableSubmission if the two differ."""
    detected = format_of(content)
    if declared is not None and detected not in (None, declared):
        raise UnreadableSubmission(
            f"{declared}, as declared", f"bytes of {detected}", f"declare it as {detected}"
        )
    return detected if declared is None else declared


def write_document(document: dict[str, Any], format_name: str) -> bytes:
    """Return a submission's document as bytes in the format `json`, `npz` or `safetensors`."""
    return _WRITERS[format_name](document)


def _write_json(document: dict[str, Any]) -> bytes:
    return (to_json(arrays_to_lists(document)) + "\n").encode()


_WRITERS: Mapping[str, Callable[[dict[str, Any]], bytes]] = MappingProxyType(
    {"json": _write_json, "npz": write_npz, "safetensors": write_safetensors}
)
