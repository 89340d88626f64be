"""A route whose answers are pages: its errors too, and none that another site could frame or add to."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api.http.problems import ProblemError, RefusedError
from api.pages.error_pages import error_page
from verifier.documents.mistakes import MalformedSubmission

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
_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{directive} {sources}" for directive, sources in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # not `no-referrer`: browsers then name no Origin when a form is sent
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Cookie",
}


class PageRoute(APIRoute):
    """Answers what is foreseen with a page, and protects every answer."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def page(request: Request) -> Response:
            try:
                response = await answer(request)
            except (
                ProblemError,
                RefusedError,
                MalformedSubmission,
                RequestValidationError,
                HTTPException,
            ) as error:
                response = error_page(request, error)
            return protected(request, response)

        return page


def pages_router() -> APIRouter:
    """Give a router of pages, which stay out of the OpenAPI document."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def protected(request: Request, response: Response) -> Response:
    """Add the headers of a page; what is a person's, or answers what was sent, is kept nowhere."""
    for name, value in _HEADERS.items():
        response.headers[name] = value
    personal = getattr(request.state, "visitor", None) is not None or request.method != "GET"
    response.headers["Cache-Control"] = "no-store" if personal else "no-cache"
    return response
