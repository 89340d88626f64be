"""A request's body: bounded while it is read, then parsed by what its content type says it is."""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.problems import ProblemError
from api.settings import Settings
from verifier.documents.files import format_of, parse_bytes
from verifier.documents.json_text import parse
from verifier.documents.mistakes import UnreadableSubmission
from verifier.documents.npz import parse_npz
from verifier.documents.safetensors import parse_safetensors

ParseDocument = Callable[[bytes], Any]
_MEDIA_TYPES = {
    "json": "application/json",
    "npz": "application/x-npz",
    "safetensors": "application/x-safetensors",
}


def _parsers(settings: Settings) -> Mapping[str, ParseDocument]:
    npz = partial(parse_npz, largest_inflated=settings.largest_inflated)
    return MappingProxyType(
        {
            "application/json": partial(_parsed, parse, "json"),
            "application/x-npz": partial(_parsed, npz, "npz"),
            "application/x-safetensors": partial(_parsed, parse_safetensors, "safetensors"),
            "application/vnd.safetensors": partial(_parsed, parse_safetensors, "safetensors"),
        }
    )


def _parsed(parse_format: ParseDocument, declared: str, content: bytes) -> Any:
    """Parse bytes of the declared format; those of another are told its content type."""
    found = format_of(content)
    if found is not None and found != declared:
        remedy = f"send it as {_MEDIA_TYPES[found]}"
        raise UnreadableSubmission(f"{declared}, as the content type says", f"bytes of {found}", remedy)
    return parse_format(content)


CONTENT_TYPES = (*_parsers(Settings()), "multipart/form-data")


async def read_document(request: Request, settings: Settings) -> tuple[ParseDocument, bytes]:
    """Give the body and what parses it; parsing itself is work for another thread.

    Raises: ProblemError 413 for a body over the limit, 415 for a content type that is none of ours, 400 for
    broken multipart.
    """
    content_type = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    parsers = _parsers(settings)
    if content_type == "multipart/form-data":
        content = await _single_file(request, await _bounded(request, settings.largest_body))
        return partial(parse_bytes, largest_inflated=settings.largest_inflated), content
    if content_type not in parsers:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"expected one of {', '.join(CONTENT_TYPES)}, got {content_type[:60]!r}",
            headers={"Accept": ", ".join(CONTENT_TYPES)},
        )
    return parsers[content_type], await _bounded(request, settings.largest_body)


async def _bounded(request: Request, largest: int) -> bytes:
    too_large = ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"expected a body of at most {largest} bytes; send safetensors instead of JSON, or a smaller batch",
    )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > largest:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > largest:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


async def _single_file(request: Request, body: bytes) -> bytes:
    async def once() -> Any:
        yield body

    try:
        form = await MultiPartParser(request.headers, once(), max_files=2, max_fields=20).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        message = getattr(error, "message", "the boundary is missing or broken")
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"broken multipart: {message}") from None
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if len(files) != 1:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"expected one file in the form, got {len(files)}")
    return await files[0].read()
