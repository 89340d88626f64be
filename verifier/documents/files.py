"""Submissions from files: JSON, npz or safetensors, told apart by their first bytes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from verifier.documents.json_text import parse, write
from verifier.documents.mistakes import UnreadableSubmission
from verifier.documents.npz import LARGEST_INFLATED, parse_npz, write_npz
from verifier.documents.reading import read_submission
from verifier.documents.safetensors import parse_safetensors, write_safetensors
from verifier.documents.submission_document import with_lists
from verifier.submission import Submission

SUFFIXES = (".json", ".npz", ".safetensors")


def load(path: str | Path) -> Submission:
    """Read a submission's file. Raises: OSError; MalformedSubmission with everything that is wrong."""
    return read_submission(parse_bytes(Path(path).read_bytes()))


def parse_bytes(content: bytes, largest_inflated: int = LARGEST_INFLATED) -> Any:
    """Give the document in a file's bytes, arrays in place of lists where the format has arrays.

    Raises: UnreadableSubmission for bytes in none of the formats.
    """
    if content[:2] == b"PK":
        return parse_npz(content, largest_inflated)
    if content[:1] == b"\x80" or content[:6] == b"\x93NUMPY":
        kind = "a pickle" if content[:1] == b"\x80" else "a single numpy array"
        remedy = "write JSON, npz (numpy.savez) or safetensors"
        raise UnreadableSubmission("JSON, npz or safetensors", kind, remedy)
    # a header's length in 8 little-endian bytes; JSON text there would be a length beyond all files
    if content[8:9] == b"{" and int.from_bytes(content[:8], "little") < 2**48:
        return parse_safetensors(content)
    if not content.strip():
        raise UnreadableSubmission("a submission", "an empty file")
    return parse(content)


def write_document(document: dict[str, Any], format_name: str) -> bytes:
    """Write a submission's document as `json`, `npz` or `safetensors`."""
    return _WRITERS[format_name](document)


def _as_json(document: dict[str, Any]) -> bytes:
    return (write(with_lists(document)) + "\n").encode()


_WRITERS: Mapping[str, Callable[[dict[str, Any]], bytes]] = MappingProxyType(
    {"json": _as_json, "npz": write_npz, "safetensors": write_safetensors}
)
