"""Errors of the service itself: answered 500, and logged by where they rose, not by what they say.

What an exception says may hold submitted numbers; a server that hears of it would log it whole.
"""

import logging
from http import HTTPStatus
from traceback import format_tb

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import problem

_LONGEST = 200  # characters of a path, quoted, as a client may put anything there
_LOG = logging.getLogger("gradjury")


class AnswerUnforeseen:
    """Middleware around everything that may fail."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            where = "".join(format_tb(error.__traceback__))
            _LOG.error("unforeseen %s at %r\n%s", type(error).__name__, scope["path"][:_LONGEST], where)
            if begun:
                raise RuntimeError("an unforeseen error after the answer had begun") from None
            answer = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "an error of the service, not of the request")
            await answer(scope, receive, send)
