"""Who looks at a page: the holder of the token in a cookie, which opens pages and nothing else.

The cookie is sent by this site's own pages alone (SameSite=Strict), and no script reads it (HttpOnly). The
JSON API does not look at it, so no other site can have a browser use the API in its reader's name.
"""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from api.dependencies import TheService, counted, may_check
from api.http.problems import ProblemError, unauthorized
from api.routes.batches import sender
from api.storage.records import Token

_NAME = "gradjury-token"
_LONGEST = 500  # characters of a token


async def _visitor(request: Request, service: TheService) -> Token | None:
    """Give the visitor's token, counted as the API counts. Raises: ProblemError 401, 429."""
    shown = request.cookies.get(_name(request))
    token = await counted(request, service, shown and shown[:_LONGEST])
    request.state.visitor = token
    return token


Visitor = Annotated[Token | None, Depends(_visitor)]


async def _member(visitor: Visitor) -> Token:
    if visitor is None:
        raise unauthorized("this page is for holders of a token; log in with yours")
    return visitor


Member = Annotated[Token, Depends(_member)]


async def _page_checker(visitor: Visitor, service: TheService) -> Token | None:
    if visitor is None and not service.settings.open_checks:
        raise unauthorized("this service checks for graders alone; log in with a grader's token")
    return may_check(service, visitor)


PageChecker = Annotated[Token | None, Depends(_page_checker)]


async def _page_sender(member: Member) -> Token:
    return sender(member)


PageSender = Annotated[Token, Depends(_page_sender)]


async def _sent_from_here(request: Request) -> None:
    """Refuse what another site's page sends. Raises: ProblemError 403.

    Browsers say in Sec-Fetch-Site where a form stands, and those that do not, in Origin.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    same = urlsplit(origin).netloc == request.headers.get("host") if site is None else site == "same-origin"
    if not same:
        detail = "expected a form of this site's own page, got one from elsewhere; open the page here"
        raise ProblemError(HTTPStatus.FORBIDDEN, detail)


SENT_FROM_HERE = Depends(_sent_from_here)


def remember(request: Request, response: Response, text: str) -> None:
    """Have the browser keep a token until it is closed."""
    response.set_cookie(
        _name(request), text, httponly=True, samesite="strict", secure=_secure(request), path="/"
    )


def forget(request: Request, response: Response) -> None:
    """Have the browser forget the token."""
    response.delete_cookie(
        _name(request), httponly=True, samesite="strict", secure=_secure(request), path="/"
    )


def shows_a_token(request: Request) -> bool:
    return _name(request) in request.cookies


def _name(request: Request) -> str:
    """Over https no neighbouring site can set a cookie of that name."""
    return f"__Host-{_NAME}" if _secure(request) else _NAME


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"
