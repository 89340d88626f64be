"""Arrays out of files, for whoever has no live objects: npz, safetensors, npy, JSON. Never a pickle."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from verifier.documents.files import format_of
from verifier.documents.json_text import parse
from verifier.documents.mistakes import UnreadableSubmission
from verifier.documents.npz import read_members
from verifier.documents.safetensors import read_tensors

_NPY = b"\x93NUMPY"


def content_of(source: str | Path | bytes) -> bytes:
    """Give the bytes of a file, or the bytes themselves."""
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def arrays_in(content: bytes) -> Any:
    """Give arrays by name (npz, safetensors, a JSON object), or one (npy, a JSON list).

    Raises: UnreadableSubmission for pickles and for all else.
    """
    found = format_of(content)
    if found == "npz":
        return read_members(content)
    if found == "safetensors":
        return read_tensors(content)
    if found == "json":
        return parse(content)
    if content.startswith(_NPY):
        return _npy(content)
    kind = "a pickle" if content[:1] == b"\x80" else "none of them"
    remedy = "save plain arrays: safetensors.torch.save_file, numpy.savez"
    raise UnreadableSubmission("arrays as npz, safetensors, npy or JSON", kind, remedy)


def _npy(content: bytes) -> Any:
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, MemoryError, OverflowError) as error:
        raise UnreadableSubmission("a numpy array (npy)", f"none: {str(error)[:100]}") from None
