"""A request's body: bounded while it is read, and the format that its content type declares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from api.http.problems import ProblemError
from api.rendering import JSON

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "application/json": "json",
        "application/x-npz": "npz",
        "application/x-safetensors": "safetensors",
        "application/vnd.safetensors": "safetensors",
    }
)
FORM = "multipart/form-data"
CONTENT_TYPES = (*FORMATS, FORM)


@dataclass(frozen=True, slots=True)
class Body:
    """declared: the format that the content type names; None for a form's file, told by its first bytes."""

    content: bytes
    declared: str | None


async def read_body(request: Request, largest: int) -> Body:
    """Read a submission's bytes; parsing them is work for another process.

    Raises: ProblemError 413 for a body over the limit, 415 for a content type that is none of ours, 400 for
    broken multipart.
    """
    content_type = declared_type(request, CONTENT_TYPES)
    content = await read_bounded(request, largest)
    if content_type == FORM:
        return Body(await _single_file(request, content), None)
    return Body(content, FORMATS[content_type])


def declared_type(request: Request, known: Sequence[str]) -> str:
    """Give the content type of a body, JSON where none is declared. Raises: ProblemError 415."""
    content_type = request.headers.get("content-type", JSON).split(";")[0].strip().lower()
    if content_type in known:
        return content_type
    rule = f"one of {', '.join(known)}" if len(known) > 1 else known[0]
    detail = f"expected {rule}, got {content_type[:60]!r}"
    raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, {"Accept": ", ".join(known)})


async def read_bounded(request: Request, largest: int) -> bytes:
    """Give the bytes of a body. Raises: ProblemError 413 as soon as they are too many."""
    too_large = ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"expected a body of at most {largest} bytes; send safetensors instead of JSON, or a smaller batch",
    )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > largest:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > largest:
                raise too_large
            chunks.append(chunk)
    except ClientDisconnect:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body broke off") from None
    return b"".join(chunks)


async def parse_form(request: Request, body: bytes) -> FormData:
    """Give a form's fields and files; none of them is larger than the body. Raises: ProblemError 400."""

    async def once() -> Any:
        yield body

    parser = MultiPartParser(
        request.headers, once(), max_files=2, max_fields=20, max_part_size=max(1, len(body))
    )
    try:
        return await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        message = getattr(error, "message", "the boundary is missing or broken")
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"broken multipart: {message}") from None


async def _single_file(request: Request, body: bytes) -> bytes:
    form = await parse_form(request, body)
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    try:
        if len(files) != 1:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"expected one file in the form, got {len(files)}")
        return await files[0].read()
    finally:
        await form.close()
