"""Read the body of a batch: a zip archive, or NDJSON with a submission per line.

The directory of an archive is bounded before it is read, and the inflated size before anything is inflated.
Lines are split without parsing their JSON: numbers stay as they were written, and a malformed line is refused
by itself, in a worker process.
"""

import io
import json
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import PurePosixPath

from api.http.problems import ProblemError
from verifier.documents.files import SUFFIXES

LONGEST_NAME = 200

_END, _END_SIZE = b"PK\x05\x06", 22  # the record at the end of a zip
_ZIP64_END, _ZIP64_END_SIZE = b"PK\x06\x07", 20  # stands before it in zips of over 65535 files or 4 GiB
_ENTRY_SIZE = 46 + 1000  # bytes of a directory entry, with a long name and extra fields
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # other methods inflate without a bound
_ENCRYPTED = 1

_LINE = re.compile(rb"[^\n]+")
_STRING = rb'"(?:[^"\\]|\\.){0,4000}"'
_SOURCE_FIRST = re.compile(rb'\s*\{\s*"source"\s*:\s*(' + _STRING + rb')\s*,\s*"submission"\s*:')
_SUBMISSION_FIRST = re.compile(rb'\s*\{\s*"submission"\s*:')
_SOURCE_LAST = re.compile(rb',\s*"source"\s*:\s*(' + _STRING + rb")\s*\}\s*$")
_TAIL = 5000  # bytes at the end of a line that are searched for its source


@dataclass(frozen=True, slots=True)
class BatchItemUpload:
    """One submission of a batch's body.

    source: name of the file, number of the line, or the name that the line declares.
    refusal: the reason why it cannot be judged; empty if none is known yet.
    """

    source: str
    declared: str | None
    content: bytes
    refusal: str = ""


def check_students(items: Sequence[BatchItemUpload]) -> None:
    """Raise ProblemError 422 if a student has several submissions."""
    _check_unique((item.source for item in items if not item.refusal), "student")


def read_archive(
    content: bytes, most: int, largest_in_all: int, largest: int, of_students: bool
) -> list[BatchItemUpload]:
    """Read the files of a zip archive, without folders and hidden files.

    most: number of files. largest_in_all: bytes of all files. largest: bytes of one file.
    of_students: the source is the file's stem, the student's name.
    Raise ProblemError 400 for a damaged archive, 413 for too many files or bytes, 422 for a repeated name.
    """
    _check_directory(content, most)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not _is_hidden(member)]
            _check_count(len(members), most)
            _check_unique((member.filename for member in members), "file")
            inflated = sum(member.file_size for member in members)
            if inflated > largest_in_all:
                rule = (
                    f"expected at most {largest_in_all} bytes inflated, got {inflated}; send several batches"
                )
                raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, rule)
            return [_read_member(archive, member, largest, of_students) for member in members]
    except (*_DAMAGE, ValueError) as error:
        raise _damaged(type(error).__name__) from None


def read_lines(content: bytes, most: int, largest: int, named: bool) -> list[BatchItemUpload]:
    """Read lines, each a submission or {"source": NAME, "submission": {…}}. Blank lines are skipped.

    most: number of lines. largest: bytes of one submission. named: every line must have a source.
    Raise ProblemError 413 for too many lines.
    """
    items: list[BatchItemUpload] = []
    number, counted = 1, 0
    for count, line in enumerate(_LINE.finditer(content), 1):
        _check_count(count, most)
        number += content.count(b"\n", counted, line.start())
        counted = line.start()
        if line[0].strip():
            items.append(_read_line(f"line {number}", line[0], largest, named))
    return items


def _check_count(count: int, most: int) -> None:
    if count > most:
        detail = f"expected at most {most} submissions in a batch, got {count}; send several batches"
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def _check_unique(sources: Iterable[str], kind: str) -> None:
    repeated = [source for source, count in Counter(sources).items() if count > 1]
    if repeated:
        detail = (
            f"expected every {kind} once, got {repeated[0][:LONGEST_NAME]!r} several times; "
            "rename or leave out"
        )
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def _name_error(name: str) -> str | None:
    """Return the reason why a name cannot be shown in tables and pages; None if it can."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        return f"expected a name of 1 to {LONGEST_NAME} printable characters, got one of {len(name)}"
    return None


def _check_directory(content: bytes, most: int) -> None:
    """Check the size of the directory before reading it: a small file can list millions of entries."""
    at = content.rfind(_END, max(0, len(content) - _END_SIZE - 2**16))
    if at < 0 or len(content) - at < _END_SIZE:
        raise _damaged("no directory at its end")
    if content[max(0, at - _ZIP64_END_SIZE) : at].startswith(_ZIP64_END):
        raise _damaged("one in the zip64 format")
    size = int.from_bytes(content[at + 12 : at + 16], "little")
    if size > most * _ENTRY_SIZE:
        _check_count(size // _ENTRY_SIZE, most)


def _damaged(reason: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, f"expected a zip archive, got a damaged one ({reason})")


def _is_hidden(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    hidden = any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts)
    return member.is_dir() or hidden


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, largest: int, of_students: bool
) -> BatchItemUpload:
    path = PurePosixPath(member.filename)
    refusal = _name_error(member.filename)
    if refusal:
        return BatchItemUpload("(a file)", None, b"", refusal)
    source = path.stem if of_students else member.filename
    if path.suffix not in SUFFIXES:
        refusal = f"expected a file {', '.join(SUFFIXES)}, got {path.name!r}"
    elif member.file_size > largest:
        refusal = f"expected at most {largest} bytes, got {member.file_size}"
    elif member.compress_type not in _METHODS or member.flag_bits & _ENCRYPTED:
        refusal = "expected a file stored or deflated, got another method, or encryption"
    if refusal:
        return BatchItemUpload(source, None, b"", refusal)
    try:
        return BatchItemUpload(source, path.suffix.removeprefix("."), archive.read(member))
    except _DAMAGE:
        refusal = "expected a whole file, got a damaged one; make the archive again"
        return BatchItemUpload(source, None, b"", refusal)


def _read_line(number: str, line: bytes, largest: int, named: bool) -> BatchItemUpload:
    name, submission = _split_line(line)
    if name is None and named:
        rule = 'expected {"source": STUDENT, "submission": {"gradients": …}}, got no name of a student'
        return BatchItemUpload(number, "json", b"", f"/source: {rule}")
    refusal = None if name is None else _name_error(name)
    if refusal:
        return BatchItemUpload(number, "json", b"", f"/source: {refusal}")
    if len(submission) > largest:
        refusal = f"expected at most {largest} bytes, got {len(submission)}"
        return BatchItemUpload(name or number, "json", b"", refusal)
    return BatchItemUpload(name or number, "json", submission)


def _split_line(line: bytes) -> tuple[str | None, bytes]:
    """Return the source that a line declares, None if it declares none, and its submission."""
    head = _SOURCE_FIRST.match(line)
    if head is not None:
        return _decode_string(head[1]), line[head.end() : line.rstrip().rfind(b"}")]
    head = _SUBMISSION_FIRST.match(line)
    if head is not None:
        start = max(head.end(), len(line) - _TAIL)
        tail = _SOURCE_LAST.search(line, start)
        if tail is not None:
            return _decode_string(tail[1]), line[head.end() : tail.start()]
    return None, line


def _decode_string(string: bytes) -> str:
    try:
        return str(json.loads(string))
    except ValueError:  # a broken escape sequence, or not UTF-8
        return ""
