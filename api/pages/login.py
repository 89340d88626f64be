"""Logging in with a token, and out."""

from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from api.dependencies import TheService, counted
from api.http.problems import ProblemError
from api.pages.forms import read_form
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import SENT_FROM_HERE, forget, remember

router = pages_router()

_LARGEST = 4096  # bytes of a token and of an address
_AFTER = "/assignments"


@router.get("/login", operation_id="login_page")
async def form(request: Request, to: str = _AFTER) -> Response:
    return page(request, "login.html.jinja", to=_local(to), wrong="")


@router.post("/login", operation_id="log_in", dependencies=[SENT_FROM_HERE])
async def log_in(request: Request, service: TheService) -> Response:
    sent = await read_form(request, _LARGEST)
    text, to = sent.field("token").strip(), _local(sent.field("to"))
    try:
        await counted(request, service, text[:_LARGEST])
    except ProblemError as error:
        if error.status is not HTTPStatus.UNAUTHORIZED:
            raise
        wrong = "the token is unknown, expired or revoked; copy the whole line that you were given"
        return page(request, "login.html.jinja", error.status, error.headers, to=to, wrong=wrong)
    response = RedirectResponse(to, HTTPStatus.SEE_OTHER)
    remember(request, response, text)
    return response


@router.post("/logout", operation_id="log_out", dependencies=[SENT_FROM_HERE])
async def log_out(request: Request) -> Response:
    response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    forget(request, response)
    return response


def _local(to: str) -> str:
    """Give an address of this site alone, whatever was asked for."""
    plain = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isascii() and to.isprintable()
    return to if plain else _AFTER
