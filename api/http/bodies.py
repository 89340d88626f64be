"""Read request bodies, up to a size limit, and the format that the content type declares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from api.http.guard import guard_of
from api.http.problems import ProblemError
from api.rendering import JSON

FORM, BINARY = "multipart/form-data", "application/octet-stream"
FORMATS: Mapping[str, str | None] = MappingProxyType(
    {
        "application/json": "json",
        "application/x-npz": "npz",
        "application/x-safetensors": "safetensors",
        "application/vnd.safetensors": "safetensors",
        BINARY: None,  # what generated clients send; the first bytes tell the format
    }
)
CONTENT_TYPES = (*FORMATS, FORM)
_MOST_FILES, _MOST_FIELDS = 2, 20
_LARGEST_HEAD = 16 * 2**10  # bytes of a part's head


@dataclass(frozen=True, slots=True)
class Body:
    """A submission. declared: the format by its content type; None to detect it, for a file in a form."""

    content: bytes
    declared: str | None


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form. field: its name in the form; name: its own."""

    field: str
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    fields: tuple[tuple[str, str], ...]
    files: tuple[FormFile, ...]


async def read_body(request: Request, largest: int) -> Body:
    """Read a submission's bytes. They are parsed in a worker process.

    Raise ProblemError 413 if the body is too large, 415 for an unknown content type, and 400 for a malformed
    form.
    """
    content_type = declared_type(request, CONTENT_TYPES)
    content = await read_bounded(request, largest)
    if content_type == FORM:
        return Body(_single_file(request, content), None)
    return Body(content, FORMATS[content_type])


def declared_type(request: Request, known: Sequence[str]) -> str:
    """Return the content type of a body, JSON by default. Raise ProblemError 415 if it is not in `known`."""
    content_type = request.headers.get("content-type", JSON).split(";")[0].strip().lower()
    if content_type in known:
        return content_type
    rule = f"one of {', '.join(known)}" if len(known) > 1 else known[0]
    detail = f"expected {rule}, got {content_type[:60]!r}"
    raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, {"Accept": ", ".join(known)})


async def read_bounded(request: Request, largest: int) -> bytes:
    """Read a body. Raise ProblemError 413 as soon as it exceeds `largest` bytes, and as its guard."""
    guard = guard_of(request.scope)
    guard.limit_body(largest)
    guard.check_length(request.headers.get("content-length", ""))
    try:
        return b"".join([chunk async for chunk in request.stream()])
    except ClientDisconnect:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body broke off") from None


def parse_form(request: Request, body: bytes) -> Form:
    """Return a form with at most two files and 20 fields. Raise ProblemError 400 if it is malformed.

    The body is split at its boundary. To read it byte by byte took seconds for many line breaks.
    """
    options = parse_options_header(request.headers.get("content-type", ""))[1]
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise _broken_form("the boundary is missing or broken")
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, _MOST_FILES + _MOST_FIELDS + 2)
    fields: list[tuple[str, str]] = []
    files: list[FormFile] = []
    for part in parts:
        if part.startswith(b"--"):
            return Form(tuple(fields), tuple(files))
        name, file, content = _read_part(part)
        if file is None:
            fields.append((name, _decode(content)))
        else:
            files.append(FormFile(name, file, content))
        if len(files) > _MOST_FILES or len(fields) > _MOST_FIELDS:
            raise _broken_form(f"it has more than {_MOST_FILES} files or {_MOST_FIELDS} fields")
    raise _broken_form("it breaks off before its last boundary")


def _read_part(part: bytes) -> tuple[str, str | None, bytes]:
    """Return the name of a part, the name of its file if it is one, and its content."""
    blank, _, rest = part.partition(b"\r\n")
    head, end, content = rest.partition(b"\r\n\r\n")
    if blank.strip(b" \t") or not end or len(head) > _LARGEST_HEAD:
        raise _broken_form("expected a part of a short head, an empty line and a content")
    for line in head.split(b"\r\n"):
        header, _, value = line.partition(b":")
        if header.strip().lower() == b"content-disposition":
            options = parse_options_header(value.strip())[1]
            if b"name" in options:
                file = options.get(b"filename")
                return _decode(options[b"name"]), None if file is None else _decode(file), content
    raise _broken_form("expected Content-Disposition with a name in every part")


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _broken_form(reason: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, f"broken multipart: {reason}")


def _single_file(request: Request, body: bytes) -> bytes:
    files = parse_form(request, body).files
    if len(files) != 1:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"expected one file in the form, got {len(files)}")
    return files[0].content
