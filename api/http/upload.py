"""A batch as a zip of .json, .npz and .safetensors files. Its directory is bounded before it is read, and
what files inflate to before any is inflated; nothing is written to a disk."""

import io
import lzma
import zipfile
import zlib
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import PurePosixPath

from api.batches.sent import Sent, at_most, bad_name, each_once
from api.http.problems import ProblemError
from verifier.documents.files import SUFFIXES

_END, _END_SIZE = b"PK\x05\x06", 22  # the record at a zip's end
_LONG_END_AT, _LONG_END_SIZE = b"PK\x06\x07", 20  # before it in zips of more than 65535 files or 4 GiB
_ENTRY_SIZE = 46 + 1000  # bytes of a file in the directory, a long name and extra fields included
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
)
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others inflate without a bound
_ENCRYPTED = 1


def read_archive(
    content: bytes, most: int, largest_in_all: int, largest: int, of_students: bool
) -> Sequence[Sent]:
    """Read an archive's files; folders, and what systems hide in archives, are left out.

    of_students: a file's stem, not its name, is its source.
    Raises: ProblemError 400 for what is no zip, 413 for too many files or bytes, 422 for one name twice.
    """
    _check_directory(content, most)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not _hidden(member)]
            at_most(len(members), most)
            each_once((member.filename for member in members), "file")
            inflated = sum(member.file_size for member in members)
            if inflated > largest_in_all:
                rule = (
                    f"expected at most {largest_in_all} bytes inflated, got {inflated}; send several batches"
                )
                raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, rule)
            return [_read(archive, member, largest, of_students) for member in members]
    except (*_DAMAGE, ValueError) as error:
        raise _no_zip(type(error).__name__) from None


def _check_directory(content: bytes, most: int) -> None:
    """Bound the directory before it is read: a small file can list millions."""
    at = content.rfind(_END, max(0, len(content) - _END_SIZE - 2**16))
    if at < 0 or len(content) - at < _END_SIZE:
        raise _no_zip("no directory at its end")
    if content[max(0, at - _LONG_END_SIZE) : at].startswith(_LONG_END_AT):
        raise _no_zip("one in the zip64 format")
    size = int.from_bytes(content[at + 12 : at + 16], "little")
    if size > most * _ENTRY_SIZE:
        at_most(size // _ENTRY_SIZE, most)


def _no_zip(found: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, f"expected a zip archive, got a damaged one ({found})")


def _hidden(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    return member.is_dir() or any(part == "__MACOSX" or _dotted(part) for part in parts)


def _dotted(part: str) -> bool:
    return part.startswith(".") and part != ".."


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, largest: int, of_students: bool) -> Sent:
    path = PurePosixPath(member.filename)
    trouble = bad_name(member.filename)
    if trouble:
        return Sent("(a file)", None, b"", trouble)
    source = path.stem if of_students else member.filename
    if path.suffix not in SUFFIXES:
        return Sent(source, None, b"", f"expected a file {', '.join(SUFFIXES)}, got {path.name!r}")
    if member.file_size > largest:
        return Sent(source, None, b"", f"expected at most {largest} bytes, got {member.file_size}")
    if member.compress_type not in _PLAIN or member.flag_bits & _ENCRYPTED:
        return Sent(
            source, None, b"", "expected a file stored or deflated, got another method, or encryption"
        )
    try:
        return Sent(source, path.suffix.removeprefix("."), archive.read(member))
    except _DAMAGE:
        return Sent(source, None, b"", "expected a whole file, got a damaged one; make the archive again")
