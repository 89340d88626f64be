"""The visitor of a page: the holder of the token in a cookie.

The cookie is sent only by this site's pages (SameSite=Strict), and scripts cannot read it (HttpOnly). The
JSON API ignores it, so no other site can make a browser call the API in the visitor's name.
"""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from api.dependencies import TheService, authenticate_and_count
from api.http.problems import ProblemError, unauthorized
from api.services.access import require_checker, require_sender
from api.storage.records import Token

_COOKIE = "gradjury-token"
_LONGEST_TOKEN = 500  # characters


async def _visitor(request: Request, service: TheService) -> Token | None:
    """Return the visitor's token, and count the request as the API does. Raise ProblemError 401 or 429."""
    text = request.cookies.get(_cookie_name(request))
    token = await authenticate_and_count(request, service, text and text[:_LONGEST_TOKEN])
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
        raise unauthorized("only graders check files on this service; log in with a grader's token")
    require_checker(service, visitor)
    return visitor


PageChecker = Annotated[Token | None, Depends(_page_checker)]


async def _page_sender(member: Member) -> Token:
    require_sender(member)
    return member


PageSender = Annotated[Token, Depends(_page_sender)]


async def _check_origin(request: Request) -> None:
    """Raise ProblemError 403 for a form on another site's page.

    Browsers send the site of the page in Sec-Fetch-Site, and old ones in Origin.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    host = urlsplit(origin).netloc
    same = host != "" and host == request.headers.get("host") if site is None else site == "same-origin"
    if not same:
        detail = "expected a form of this site's own page, got one from elsewhere; open the page here"
        raise ProblemError(HTTPStatus.FORBIDDEN, detail)


SAME_ORIGIN = Depends(_check_origin)


def set_token_cookie(request: Request, response: Response, text: str) -> None:
    """Store a token in the browser until it is closed."""
    response.set_cookie(
        _cookie_name(request), text, httponly=True, samesite="strict", secure=_secure(request), path="/"
    )


def delete_token_cookie(request: Request, response: Response) -> None:
    response.delete_cookie(
        _cookie_name(request), httponly=True, samesite="strict", secure=_secure(request), path="/"
    )


def has_token_cookie(request: Request) -> bool:
    return _cookie_name(request) in request.cookies


def _cookie_name(request: Request) -> str:
    """Return the name of the cookie. The prefix __Host- keeps sibling domains from setting it."""
    return f"__Host-{_COOKIE}" if _secure(request) else _COOKIE


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"
