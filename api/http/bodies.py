"""Read request bodies, up to a size limit, and the format that the content type declares."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from api.http.guard import guard_of
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
    """A submission. declared: the format by its content type; None to detect it, for a file in a form."""

    content: bytes
    declared: str | None


async def read_body(request: Request, largest: int) -> Body:
    """Read a submission's bytes. They are parsed in a worker process.

    Raise ProblemError 413 if the body is too large, 415 for an unknown content type, and 400 for a malformed
    form.
    """
    content_type = declared_type(request, CONTENT_TYPES)
    content = await read_bounded(request, largest)
    if content_type == FORM:
        return Body(await _single_file(request, content), None)
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


async def parse_form(request: Request, body: bytes) -> FormData:
    """Parse a form with at most two files and 20 fields. Raise ProblemError 400 if it is malformed.

    It is parsed in a thread: it may have parts that take seconds.
    """

    async def stream() -> Any:
        yield body

    async def parse() -> FormData:
        return await MultiPartParser(
            request.headers, stream(), max_files=2, max_fields=20, max_part_size=max(1, len(body))
        ).parse()

    try:
        return await run_sync(asyncio.run, parse())
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
