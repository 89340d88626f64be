"""Read and write submissions as npz. Nothing is unpickled, and sizes are checked before decompression."""

import io
import zipfile
import zlib
from collections import Counter
from typing import IO, Any

import numpy as np

from verifier.documents.json import DEFAULT_BOUNDS, Bounds, check_arrays, check_numbers, to_json
from verifier.documents.safetensors import TEXT, join_tensors, split_tensors
from verifier.problem.errors import OversizedSubmission, UnreadableSubmission

_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def parse_npz(content: bytes, bounds: Bounds = DEFAULT_BOUNDS) -> dict[str, Any]:
    """Return the document.

    Raises: UnreadableSubmission for pickles, duplicate names, damaged files and decompression bombs.
    """
    return join_tensors(*read_members_and_text(content, bounds), bounds)


def read_members_and_text(
    content: bytes, bounds: Bounds = DEFAULT_BOUNDS
) -> tuple[dict[str, Any], str | None]:
    """Return an archive's arrays by name, and the text member. Raises: UnreadableSubmission."""
    arrays = read_members(content, bounds)
    text = arrays.pop(TEXT, None)
    if text is None:
        return arrays, None
    if text.ndim != 0 or text.dtype.kind not in "US":
        raise UnreadableSubmission(f"a 0-d string array {TEXT!r}", f"shape {text.shape}, type {text.dtype}")
    value = text.item()
    return arrays, value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def read_members(content: bytes, bounds: Bounds = DEFAULT_BOUNDS) -> dict[str, Any]:
    """Return an archive's arrays by name. Raises: UnreadableSubmission as `parse_npz`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            check_arrays(len(members), bounds)
            counts = Counter(member.filename.removesuffix(".npy") for member in members)
            name, count = counts.most_common(1)[0] if counts else ("", 0)
            if count > 1:
                raise UnreadableSubmission("every member once", f"{name[:60]!r} more than once")
            inflated = sum(member.file_size for member in members)
            if inflated > bounds.inflated:
                raise OversizedSubmission(f"at most {bounds.inflated} bytes inflated", f"{inflated} bytes")
            arrays, count = {}, 0
            for member in members:
                array = _read_member(archive, member, bounds, count)
                arrays[member.filename.removesuffix(".npy")] = array
                count += array.size
            return arrays
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise UnreadableSubmission("a numpy archive (npz)", f"a damaged one: {error}") from None


def write_npz(document: dict[str, Any]) -> bytes:
    """Return the bytes of a document whose arrays are numpy arrays."""
    tensors, rest = split_tensors(document)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **tensors, **{TEXT: np.array(to_json(rest))})
    return stream.getvalue()


def _read_header(version: tuple[int, int], stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and type. Raises: ValueError."""
    try:
        shape, fortran, dtype = _READERS[version](stream)
    except Exception as error:  # numpy evaluates the text as Python, which may fail in any way
        raise ValueError(type(error).__name__) from None
    return shape, fortran, dtype


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, bounds: Bounds, before: int) -> Any:
    """Return one array. before: the count of numbers in the members before it."""
    name = member.filename
    try:
        with archive.open(member) as stream:
            version = np.lib.format.read_magic(stream)
            if version not in _READERS:
                raise UnreadableSubmission(
                    "an npy array of version 1 or 2", f"{name[:60]!r} of version {version}"
                )
            shape, fortran, dtype = _read_header(version, stream)
            if dtype.hasobject:
                raise UnreadableSubmission(
                    "arrays of numbers", f"a pickle in {name[:60]!r}", "save plain arrays"
                )
            count = int(np.prod(shape, dtype=object))
            check_numbers(before + count, bounds)
            size = count * dtype.itemsize
            if size > member.file_size:
                raise UnreadableSubmission(
                    f"{size} bytes of data in {name[:60]!r}", f"{member.file_size} bytes"
                )
            data = stream.read(size)
        if len(data) != size:
            raise UnreadableSubmission(f"{size} bytes of data in {name[:60]!r}", f"{len(data)} bytes")
        array = np.frombuffer(data, dtype=dtype)
        return array.reshape(shape, order="F" if fortran else "C")
    except (ValueError, SyntaxError, TypeError, OverflowError, MemoryError) as error:
        if isinstance(error, UnreadableSubmission):
            raise
        raise UnreadableSubmission("an npy array", f"a damaged one in {name[:60]!r}") from None
