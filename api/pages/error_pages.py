"""Errors as pages: what happened, and what to do about it."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.http.problems import ProblemError, RefusedError, status_of
from api.pages.templating import page
from api.pages.visitors import forget, shows_a_token
from api.workers.protocol import Refused
from verifier.documents.mistakes import MalformedSubmission, Mistake

REMEDIES: Mapping[int, str] = MappingProxyType(
    {
        400: "Choose the file again, or another one: it came broken, or it is none of the formats.",
        401: "Log in with a token. Who gives the course has them: gradjury token create.",
        403: "Ask who gave you the token, or log in with another one.",
        404: "Look for it on the page before, or log in with a token that opens it.",
        405: "Go back to the page that brought you here, and send its form.",
        409: "Go back and look at what is there now.",
        413: "Send a smaller file: safetensors instead of JSON, or fewer examples.",
        415: "Choose a file of one of the formats that the page names.",
        422: "Mend what is named here, and send it again.",
        429: "Wait, and try it again.",
    }
)
_WORDS = {
    HTTPStatus.NOT_FOUND: "there is no such page",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address takes no such request",
}
_OTHERWISE = "Go back and try it again."
Foreseen = ProblemError | RefusedError | MalformedSubmission | RequestValidationError | HTTPException


def error_page(request: Request, error: Foreseen) -> Response:
    """Give the page of an error that is foreseen. Who shows a bad token is made to forget it."""
    status, detail, mistakes, headers = _described(error)
    response = page(
        request,
        "error.html.jinja",
        status,
        headers,
        code=status,
        detail=detail,
        mistakes=mistakes,
        remedy=REMEDIES.get(status, _OTHERWISE),
        retry_after=headers.get("Retry-After"),
        back=request.url.path if request.method == "GET" else "/",
    )
    nobody = getattr(request.state, "visitor", None) is None
    if status is HTTPStatus.UNAUTHORIZED and nobody and shows_a_token(request):
        forget(request, response)
    return response


def _described(
    error: Foreseen,
) -> tuple[HTTPStatus, str, tuple[Mistake, ...], Mapping[str, str]]:
    if isinstance(error, ProblemError):
        return error.status, error.detail, (), error.headers
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return status, _WORDS.get(status, str(error.detail)), (), dict(error.headers or {})
    if isinstance(error, RequestValidationError):
        details = "; ".join(f"{'/'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        return HTTPStatus.UNPROCESSABLE_ENTITY, details, (), {}
    found = error.refused if isinstance(error, RefusedError) else Refused.from_error(error)
    return status_of(found), "the document has mistakes", found.mistakes, {}
