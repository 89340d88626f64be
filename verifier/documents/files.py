"""Submissions from files: JSON, npz or safetensors, told apart by their first bytes."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from verifier.claim import Claim, read_claim
from verifier.documents.bounds import GENEROUS, Bounds
from verifier.documents.json_text import parse, write
from verifier.documents.mistakes import UnreadableSubmission
from verifier.documents.npz import parse_npz, write_npz
from verifier.documents.safetensors import parse_safetensors, write_safetensors
from verifier.documents.submission_document import with_lists

_JSON = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*(?:[-{\[\"0-9]|true|false|null|NaN|Infinity)")
_STRANGERS = {b"\x80": "a pickle", b"\x93NUMPY": "a single numpy array"}
SUFFIXES = (".json", ".npz", ".safetensors")


def load(path: str | Path) -> Claim:
    """Read a submission's file. Raises: OSError; MalformedSubmission with everything that is wrong."""
    return read_claim(parse_bytes(Path(path).read_bytes()))


def parse_bytes(content: bytes, bounds: Bounds = GENEROUS, declared: str | None = None) -> Any:
    """Give the document in a file's bytes, arrays in place of lists where the format has arrays.

    declared: the format that its sender names; None to tell it from the first bytes.
    Raises: UnreadableSubmission for bytes in none of the formats, or in another than declared;
    OversizedSubmission for what is beyond the bounds.
    """
    found = settled_format(content, declared)
    if found == "npz":
        return parse_npz(content, bounds)
    if found == "safetensors":
        return parse_safetensors(content, bounds)
    if found == "json":
        return parse(content, bounds)
    if not content.strip():
        raise UnreadableSubmission("a submission", "an empty file")
    kind = next((kind for magic, kind in _STRANGERS.items() if content.startswith(magic)), "none of them")
    raise UnreadableSubmission(
        "JSON text, an npz or a safetensors file", kind, "write JSON, npz (numpy.savez) or safetensors"
    )


def format_of(content: bytes) -> str | None:
    """Name the format that bytes begin like: `json`, `npz`, `safetensors`; None for anything else."""
    if content[:2] == b"PK":
        return "npz"
    # a header's length in 8 little-endian bytes; JSON text there would be a length beyond all files
    if content[8:9] == b"{" and int.from_bytes(content[:8], "little") < 2**48:
        return "safetensors"
    return "json" if _JSON.match(content) else None


def settled_format(content: bytes, declared: str | None) -> str | None:
    """Name the format to read bytes by. Raises: UnreadableSubmission where they begin like another."""
    found = format_of(content)
    if declared is not None and found not in (None, declared):
        raise UnreadableSubmission(f"{declared}, as declared", f"bytes of {found}", f"declare it as {found}")
    return found if declared is None else declared


def write_document(document: dict[str, Any], format_name: str) -> bytes:
    """Write a submission's document as `json`, `npz` or `safetensors`."""
    return _WRITERS[format_name](document)


def _as_json(document: dict[str, Any]) -> bytes:
    return (write(with_lists(document)) + "\n").encode()


_WRITERS: Mapping[str, Callable[[dict[str, Any]], bytes]] = MappingProxyType(
    {"json": _as_json, "npz": write_npz, "safetensors": write_safetensors}
)
