"""Routes of pages: their security headers, and errors as pages."""

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from api.http.problems import ProblemError, RefusedError, status_of, storage_problem
from api.http.root_path import route_path
from api.pages.templating import page
from api.pages.visitors import delete_token_cookie, has_token_cookie
from api.workers.protocol import Refusal
from verifier.problem.errors import DocumentError, MalformedSubmission

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{directive} {sources}" for directive, sources in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send no Origin with a form
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Cookie",
}
_REMEDIES: Mapping[int, str] = MappingProxyType(
    {
        400: "Choose the file again, or another one. It is damaged, or not one of the formats.",
        401: "Log in with a token. Ask your instructor for one.",
        403: "Ask the person who gave you the token, or log in with another one.",
        404: "Go back and try another link, or log in with a token that has access.",
        405: "Please go back and submit the form again.",
        409: "Go back and look at the current state.",
        413: "Send a smaller file: safetensors instead of JSON, or fewer examples.",
        415: "Choose a file in one of the formats on the page.",
        422: "Fix the problems listed here, and submit it again.",
        429: "Wait a moment, and try again.",
        503: "Wait a moment, and try again. Your request was not stored. Nothing else is lost.",
    }
)
_DEFAULT_REMEDY = "Go back and try again."
_HTTP_DETAILS = {
    HTTPStatus.NOT_FOUND: "there is no such page",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address cannot be opened directly",
}
_PAGE_ERRORS = (ProblemError, RefusedError, MalformedSubmission, RequestValidationError, HTTPException)
PageError = ProblemError | RefusedError | MalformedSubmission | RequestValidationError | HTTPException


class PageRoute(APIRoute):
    """Answer expected errors with a page, and add security headers to every response."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                response = await handler(request)
            except _PAGE_ERRORS as error:
                response = error_page(request, error)
            except SQLAlchemyError as error:
                response = error_page(request, storage_problem(error))
            return add_page_headers(request, response)

        return handle


def pages_router() -> APIRouter:
    """Return a router of pages. They are not part of the OpenAPI document."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def is_part(request: Request) -> bool:
    """True for a request of a page's script, which replaces a part of the page by the answer."""
    return "x-part" in request.headers


def add_page_headers(request: Request, response: Response) -> Response:
    """Add the headers of a page. Pages of a logged-in visitor and replies to forms are not cached."""
    for name, value in SECURITY_HEADERS.items():
        response.headers[name] = value
    personal = getattr(request.state, "visitor", None) is not None or request.method != "GET"
    response.headers["Cache-Control"] = "no-store" if personal else "no-cache"
    return response


def error_page(request: Request, error: PageError) -> Response:
    """Return the page of an expected error. It deletes the cookie of an invalid token."""
    status, detail, document_errors, headers = _describe(error)
    response = page(
        request,
        "error.html.jinja",
        status,
        headers,
        code=status,
        detail=detail,
        document_errors=document_errors,
        remedy=_REMEDIES.get(status, _DEFAULT_REMEDY),
        retry_after=headers.get("Retry-After"),
        back=route_path(request.scope) if request.method == "GET" else "/",
    )
    anonymous = getattr(request.state, "visitor", None) is None
    if status is HTTPStatus.UNAUTHORIZED and anonymous and has_token_cookie(request):
        delete_token_cookie(request, response)
    return response


def _describe(error: PageError) -> tuple[HTTPStatus, str, tuple[DocumentError, ...], Mapping[str, str]]:
    """Return status, detail, mistakes of the document, and headers of an error."""
    if isinstance(error, ProblemError):
        return error.status, error.detail, (), error.headers
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return status, _HTTP_DETAILS.get(status, str(error.detail)), (), dict(error.headers or {})
    if isinstance(error, RequestValidationError):
        details = "; ".join(f"{'/'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        return HTTPStatus.UNPROCESSABLE_ENTITY, details, (), {}
    refused = error.refused if isinstance(error, RefusedError) else Refusal.from_error(error)
    return status_of(refused), "the document has mistakes", refused.errors, {}
