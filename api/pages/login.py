"""Log in with a token, and log out."""

from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from api.dependencies import TheService, authenticate_and_count
from api.http.problems import ProblemError
from api.pages.forms import read_form
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import SAME_ORIGIN, delete_token_cookie, set_token_cookie

router = pages_router()

_LARGEST_FORM = 4096  # bytes
_DEFAULT_TARGET = "/assignments"


@router.get("/login", operation_id="login_page")
async def login(request: Request, to: str = _DEFAULT_TARGET) -> Response:
    return page(request, "login.html.jinja", to=_local_target(to), wrong="")


@router.post("/login", operation_id="log_in", dependencies=[SAME_ORIGIN])
async def log_in(request: Request, service: TheService) -> Response:
    form = await read_form(request, _LARGEST_FORM, beside=_LARGEST_FORM)
    text, to = form.field("token").strip(), _local_target(form.field("to"))
    try:
        await authenticate_and_count(request, service, text[:_LARGEST_FORM])
    except ProblemError as error:
        if error.status is not HTTPStatus.UNAUTHORIZED:
            raise
        wrong = "the token is unknown, expired or revoked; copy the whole line that you were given"
        return page(request, "login.html.jinja", error.status, error.headers, to=to, wrong=wrong)
    response = RedirectResponse(to, HTTPStatus.SEE_OTHER)
    set_token_cookie(request, response, text)
    return response


@router.post("/logout", operation_id="log_out", dependencies=[SAME_ORIGIN])
async def log_out(request: Request) -> Response:
    response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    delete_token_cookie(request, response)
    return response


def _local_target(to: str) -> str:
    """Return a path of this site: `to` if it is one, else the default."""
    local = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isascii() and to.isprintable()
    return to if local else _DEFAULT_TARGET
