"""Errors as RFC 9457 problem documents. They repeat names and shapes of a submission, but no numbers."""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from api.http.root_path import route_path
from api.storage.unavailable import RETRY_AFTER, is_unavailable, reason_of
from api.workers.protocol import Refusal
from verifier.problem.errors import MalformedSubmission

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("gradjury")
METHODS = ("get", "put", "post", "delete", "patch")


class RefusedError(Exception):
    """A submission that could not be judged. Its mistakes are the response."""

    def __init__(self, refused: Refusal) -> None:
        super().__init__("a malformed submission")
        self.refused = refused


class ProblemError(Exception):
    """An error response: its status, detail and headers."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def unauthorized(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})


def storage_problem(error: SQLAlchemyError) -> ProblemError:
    """Return the error for a database that is away, locked or full, and log it in one line.

    Any other error of a database is raised again.
    """
    if not is_unavailable(error):
        raise error
    _LOG.warning("the database cannot be used: %s", reason_of(error))
    detail = f"the database cannot be used now, and nothing was stored; try again in {RETRY_AFTER} seconds"
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_AFTER)})


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error responses of a route for the OpenAPI document."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def problem(
    status: HTTPStatus,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a problem document. Its type is about:blank, so the title is the phrase of the status."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
    }
    if errors is not None:
        content["errors"] = errors
    return JSONResponse(content, status.value, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def status_of(refused: Refusal) -> HTTPStatus:
    """Return the status of the response to a submission that could not be judged."""
    if refused.oversized:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return HTTPStatus.BAD_REQUEST if refused.unreadable else HTTPStatus.UNPROCESSABLE_ENTITY


def install(app: FastAPI) -> None:
    """Register the handlers of expected errors. InternalErrorMiddleware handles all others."""

    @app.exception_handler(MalformedSubmission)
    async def malformed(request: Request, error: MalformedSubmission) -> JSONResponse:
        return _refused_problem(Refusal.from_error(error))

    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: RefusedError) -> JSONResponse:
        return _refused_problem(error.refused)

    @app.exception_handler(ProblemError)
    async def problem_error(request: Request, error: ProblemError) -> JSONResponse:
        return problem(error.status, error.detail, headers=error.headers)

    @app.exception_handler(SQLAlchemyError)
    async def storage_error(request: Request, error: SQLAlchemyError) -> JSONResponse:
        return await problem_error(request, storage_problem(error))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        headers, detail = dict(error.headers or {}), str(error.detail)
        if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
            detail = "no such address; /docs lists them all"
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # several routes may share the path
            allowed = ", ".join(_allowed_methods(app, route_path(request.scope)))
            headers["Allow"] = allowed or headers.get("Allow", "")
            detail = f"expected the method {headers['Allow']}, got {request.method}; see /docs"
        return problem(HTTPStatus(error.status_code), detail, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"pointer": "/" + "/".join(map(str, item["loc"])), "detail": str(item["msg"])}
            for item in error.errors()
        ]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the request is malformed; see errors", errors=errors)


def _refused_problem(refused: Refusal) -> JSONResponse:
    errors = [
        {
            "pointer": row.pointer,
            "detail": row.detail,
            "expected": row.expected,
            "actual": row.actual,
            **({"remedy": row.remedy} if row.remedy else {}),
        }
        for row in refused.errors
    ]
    count = len(errors)
    detail = f"the document has {count} mistake{'s' if count > 1 else ''}; see errors"
    return problem(status_of(refused), detail, errors=errors)


def _allowed_methods(app: FastAPI, path: str) -> list[str]:
    """Return the methods of a path in the OpenAPI document, for the header Allow."""
    methods: set[str] = set()
    for template, item in app.openapi()["paths"].items():
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path):
            methods |= {method.upper() for method in METHODS if method in item}
    return sorted(methods)
