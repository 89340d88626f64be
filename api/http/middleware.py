"""ASGI middleware: the request log, internal errors, and the headers of rate limits."""

import logging
import re
import sys
from http import HTTPStatus
from secrets import token_hex
from time import perf_counter
from traceback import format_tb

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import problem
from api.metrics import Metrics

_HEADER = b"x-request-id"
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
_LONGEST_PATH = 200  # characters of a path in the log; clients choose it
_LOG = logging.getLogger("gradjury")

RATE_LIMIT_HEADERS = "rate_limit_headers"  # key of a request's state


class RequestLogMiddleware:
    """Add an id, a line in the log and an observation in the metrics to every request, without its content.

    The client's X-Request-Id is used if it is a plain word.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._log = structlog.get_logger("gradjury.requests")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client_id = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        request_id = client_id.decode() if _ID.fullmatch(client_id) else token_hex(16)
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message.get("headers", ()), (_HEADER, request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            seconds = perf_counter() - started
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(route, method, str(status)).observe(seconds)
            token = getattr(scope["state"].get("token"), "id", None)
            self._log.info(
                "request",
                method=method,
                route=route,
                status=status,
                seconds=round(seconds, 6),
                request_id=request_id,
                token=token,
            )


class InternalErrorMiddleware:
    """Answer unexpected errors with status 500, and log their class and traceback.

    The message of an exception may hold submitted numbers, so it is neither logged nor passed on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def track_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, track_start)
        except Exception as error:
            where = "".join(format_tb(error.__traceback__))
            path = scope["path"][:_LONGEST_PATH]
            _LOG.error("unexpected %s while answering %r\n%s", type(error).__name__, path, where)
            if started:
                raise RuntimeError("an unexpected error after the response had started") from None
            response = problem(
                HTTPStatus.INTERNAL_SERVER_ERROR, "an error of the service, not of the request"
            )
            await response(scope, receive, send)


class RateLimitMiddleware:
    """Add the rate limit headers, which dependencies put into the request's state, to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope["state"] = dict(scope.get("state", {}))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(state.get(RATE_LIMIT_HEADERS, {}))
            await send(message)

        await self._app(scope, receive, with_headers)


def log_as_json(level: str) -> None:
    """Configure the log of the service: JSON objects on stderr, one per line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
