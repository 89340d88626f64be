"""Errors as RFC 9457 problem documents. Nothing that a client submitted is echoed beyond names and shapes."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.http.openapi import methods_of
from api.workers.protocol import Refused
from verifier.documents.mistakes import MalformedSubmission

MEDIA_TYPE = "application/problem+json"


class RefusedError(Exception):
    """A submission that could not be judged: its mistakes are the answer."""

    def __init__(self, Refused: Refused) -> None:
        super().__init__("a malformed submission")
        self.refused = Refused


class ProblemError(Exception):
    """An answer other than success, on purpose: a status, a sentence, and what mends it."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def unauthorized(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Give what a route says of its errors in the OpenAPI document."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def problem(
    status: HTTPStatus,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Give the response for a status; `type` is about:blank, so `title` is the status's own phrase."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
    }
    if errors is not None:
        content["errors"] = errors
    return JSONResponse(content, status.value, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _malformed(found: Refused) -> JSONResponse:
    errors = [{"pointer": mistake.pointer, "detail": mistake.detail} for mistake in found.mistakes]
    count = len(errors)
    detail = f"the document has {count} mistake{'s' if count > 1 else ''}; see errors"
    return problem(status_of(found), detail, errors=errors)


def status_of(found: Refused) -> HTTPStatus:
    """Give the status of an answer to what could not be judged."""
    if found.oversized:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return HTTPStatus.BAD_REQUEST if found.unreadable else HTTPStatus.UNPROCESSABLE_ENTITY


def install(app: FastAPI) -> None:
    """Answer every error that is foreseen with a problem document; see `unforeseen.py` for the rest."""

    @app.exception_handler(MalformedSubmission)
    async def malformed(request: Request, error: MalformedSubmission) -> JSONResponse:
        return _malformed(Refused.from_error(error))

    @app.exception_handler(RefusedError)
    async def not_judged(request: Request, error: RefusedError) -> JSONResponse:
        return _malformed(error.refused)

    @app.exception_handler(ProblemError)
    async def on_purpose(request: Request, error: ProblemError) -> JSONResponse:
        return problem(error.status, error.detail, headers=error.headers)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # of all routes of the path
            headers["Allow"] = ", ".join(methods_of(app, request.url.path)) or headers.get("Allow", "")
        return problem(HTTPStatus(error.status_code), str(error.detail), headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"pointer": "/" + "/".join(map(str, item["loc"])), "detail": str(item["msg"])}
            for item in error.errors()
        ]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the request is malformed; see errors", errors=errors)
