"""Read arrays from npz, safetensors, npy and JSON files. Pickles are refused."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from verifier.documents.files import format_of
from verifier.documents.json_text import parse
from verifier.documents.mistakes import UnreadableSubmission
from verifier.documents.npz import read_members
from verifier.documents.safetensors import read_tensors

_NPY_MAGIC = b"\x93NUMPY"


def content_of(source: str | Path | bytes) -> bytes:
    """Return the bytes of a file; bytes are returned unchanged."""
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def arrays_in(content: bytes) -> Any:
    """Return arrays by name (npz, safetensors, a JSON object), or one array (npy, a JSON list).

    Raises: UnreadableSubmission for pickles and for any other format.
    """
    file_format = format_of(content)
    if file_format == "npz":
        return read_members(content)
    if file_format == "safetensors":
        return read_tensors(content)
    if file_format == "json":
        return parse(content)
    if content.startswith(_NPY_MAGIC):
        return _read_npy(content)
    kind = "a pickle" if content[:1] == b"\x80" else "none of them"
    remedy = "save plain arrays: safetensors.torch.save_file, numpy.savez"
    raise UnreadableSubmission("arrays as npz, safetensors, npy or JSON", kind, remedy)


def _read_npy(content: bytes) -> Any:
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, MemoryError, OverflowError) as error:
        raise UnreadableSubmission("a numpy array (npy)", f"none: {str(error)[:100]}") from None
