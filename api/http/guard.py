"""Guard every request: its caller first, then bounds while its body is read, and its client's departure.

The middleware wraps `receive` and `send` of every request, so no route can go without:

- Before the caller is known, a body may have `UNKNOWN_CALLER` bytes; then `largest_body`, or what the route
  sets by `read_bounded`. The first byte beyond is answered by 413.
- The bodies of all requests in work have `bodies_in_work` bytes together, and a caller has a quarter of them.
- A body that pauses, or drips, is answered by 408. A client that does not read its answer is disconnected.
- When the service stops, bodies that are not complete are answered by 503.
- `attend` gives up work whose client has left.
- Requests that threads answer take turns by caller, and no caller has more than a few threads.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from contextvars import ContextVar
from http import HTTPStatus
from typing import Protocol, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import ProblemError
from api.settings import Settings
from api.workers.turns import CALLER, Caller, FairQueue
from verifier.engine.threads import release_freed_memory

UNKNOWN_CALLER = 16 * 2**10  # bytes of a body whose sender is not known: a form with a token
_SHARES = 4  # a caller has a fourth of all bytes
_SLOWEST = 16 * 2**10  # bytes a second of a body, on average
_GRACE = 3.0  # seconds that work goes on without its client: to kill its process costs as much as most work
_THREADS, _RESERVE = 24, 19  # requests in threads at once, and how many of them one caller leaves to others
_FREED, _SOON = 4 * 2**20, 1.0  # after so many bytes of bodies and answers, and seconds, memory is given back
_GUARD = "guard"  # key of a request's state
_CONNECTION = "connection"  # key of a request's state; absent under a server that is not ours
_CURRENT: ContextVar["RequestGuard | None"] = ContextVar("guard", default=None)
_T = TypeVar("_T")


class RequestConnection(Protocol):
    """The connection of a request, as far as its guard needs it."""

    def begin_request(self) -> None: ...

    def end_body(self) -> None:
        """The body is complete: the connection is not closed in favour of others any more."""

    def end_request(self) -> None: ...

    def discard_body(self) -> None:
        """Read and drop the rest of the body after the answer, so that the client reads the answer."""

    def abort(self, reason: str) -> None: ...


class Guards:
    """State that the guards of all requests share: the bytes of their bodies, and the end of the service."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = False
        self.reading: set[RequestGuard] = set()
        self.attending: set[RequestGuard] = set()
        self.threads = FairQueue(range(_THREADS), _RESERVE)
        self._freed, self._releasing = 0, False
        self._held: Counter[str] = Counter()  # bytes by group of callers

    def take(self, group: str, size: int, first: bool) -> None:
        """Count bytes of a body. Raise ProblemError 503 if they are too many.

        first: it is the group's only body. It may exceed the group's share.
        """
        most = self.settings.bodies_in_work
        beyond_share = self._held[group] + size > most // _SHARES and not first
        if beyond_share or self._held.total() + size > most:
            detail = "too many bytes of bodies are in work; try again shortly, or send smaller ones"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "2"})
        self._held[group] += size

    def give_back(self, group: str, size: int) -> None:
        self._held[group] -= size
        if self._held[group] <= 0:
            del self._held[group]

    def held_by(self, group: str) -> int:
        return self._held[group]

    def note_freed(self, size: int) -> None:
        """Note the bytes of a body or an answer. When there are many, release memory to the system, soon."""
        self._freed += size
        if self._freed > _FREED and not self._releasing:
            self._releasing = True
            asyncio.get_running_loop().call_later(_SOON, self._release_memory)  # buffers are freed by then

    def stop(self) -> None:
        """Refuse the bodies that are not complete, and what is not judged at the end of the grace period."""
        self.stopping = True
        self._cut(self.reading)
        grace = max(0.0, self.settings.stopping_seconds - _GRACE)
        asyncio.get_running_loop().call_later(grace, self._cut, self.attending)

    def _release_memory(self) -> None:
        self._freed, self._releasing = 0, False
        asyncio.get_running_loop().run_in_executor(None, release_freed_memory)

    def _cut(self, guards: "set[RequestGuard]") -> None:
        for guard in list(guards):
            guard.cut()


class RequestGuard:
    """The guard of one request."""

    def __init__(self, guards: Guards, scope: Scope, receive: Receive, send: Send) -> None:
        self._guards, self._receive, self._send = guards, receive, send
        self._connection: RequestConnection | None = scope["state"].get(_CONNECTION)
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._group = ""  # of the caller; empty if it is not known
        self._limit = UNKNOWN_CALLER
        self._answered = 0  # bytes
        self._size = 0
        self._complete = not _has_body(scope)
        self._left = False
        self._waiting: asyncio.Timeout | None = None
        self._turn: tuple[int, Caller] | None = None

    @property
    def admitted(self) -> bool:
        """True if it is known who the caller is."""
        return bool(self._group)

    def admit(self, caller: Caller) -> None:
        """Accept a caller: bodies up to `largest_body`, and a turn in the worker pool."""
        self._guards.give_back(self._group, self._size)
        self._group = caller.group
        self._guards.take(self._group, self._size, first=True)
        self._limit = self._guards.settings.largest_body
        CALLER.set(caller)

    async def take_turn(self, caller: Caller) -> None:
        """Wait for a caller's turn to have a request answered by a thread. It ends as the answer begins."""
        self._turn = await self._guards.threads.acquire(caller), caller

    def limit_body(self, largest: int) -> None:
        """Set the largest size of the body. Only small bodies are read before the caller is known."""
        if not self.admitted and largest > UNKNOWN_CALLER:
            raise RuntimeError("the caller of a request must be known before its body is read")
        self._limit = largest

    def check_length(self, length: str) -> None:
        """Raise ProblemError 413 if the header Content-Length exceeds the limit."""
        if length.isdecimal() and int(length[:20]) > self._limit:
            raise self._too_large()

    async def receive(self) -> Message:
        """Return the next message. Raise ProblemError for a body that exceeds a limit."""
        message = await (self._receive() if self._complete else self._next_piece())
        if message["type"] != "http.request":
            self._left = True
            return message
        size = len(message.get("body", b""))
        if self._size + size > self._limit:
            raise self._too_large()
        if size:
            first = self._guards.held_by(self._group) == self._size
            self._guards.take(self._group, size, first)
            self._size += size
        if not message.get("more_body", False):
            self._end_body()
        return message

    async def send(self, message: Message) -> None:
        """Send a message. An answer before the end of the body is the last one of its connection."""
        if message["type"] == "http.response.start":
            self._end_turn()
        if message["type"] == "http.response.start" and not self._complete:
            message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            if self._connection is not None:
                self._connection.discard_body()
        self._answered += len(message.get("body", b""))
        try:
            async with asyncio.timeout(self._guards.settings.idle_seconds):
                await self._send(message)
        except TimeoutError:
            self._left = True
            if self._connection is not None:
                self._connection.abort("the answer was not read")

    async def attend(self, work: Awaitable[_T]) -> _T:
        """Return the result of work. Give it up if the client leaves, and raise ProblemError 400."""
        watcher = asyncio.ensure_future(self._watch())
        watcher.add_done_callback(lambda _: self.cut(_GRACE) if self._left else None)
        self._guards.attending.add(self)
        try:
            async with asyncio.timeout(None) as self._waiting:
                return await work
        except TimeoutError:
            if self._left:
                raise ProblemError(HTTPStatus.BAD_REQUEST, "the client left before the answer") from None
            if self._guards.stopping:
                raise _stopping() from None
            raise
        finally:
            self._guards.attending.discard(self)
            self._waiting = None
            watcher.cancel()

    def cut(self, grace: float = 0.0) -> None:
        """Stop to wait, for the body or for work, after so many seconds."""
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(self._loop.time() + grace)

    def begin(self) -> None:
        self._guards.reading.add(self)
        if self._connection is not None:
            self._connection.begin_request()
        if self._complete:
            self._end_body()

    def end(self) -> None:
        """Release the bytes of the request."""
        self._end_turn()
        self._guards.reading.discard(self)
        self._guards.give_back(self._group, self._size)
        if self._connection is not None:
            self._connection.end_request()
        self._guards.note_freed(self._size + self._answered)

    async def _next_piece(self) -> Message:
        idle = self._guards.settings.idle_seconds
        if self._guards.stopping:
            raise _stopping()
        deadline = min(self._loop.time() + idle, self._started + idle + self._size / _SLOWEST)
        try:
            async with asyncio.timeout_at(deadline) as self._waiting:
                return await self._receive()
        except TimeoutError:
            if self._guards.stopping:
                raise _stopping() from None
            detail = f"expected a body without pauses of {idle:g} seconds, and {_SLOWEST} bytes a second"
            raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, detail) from None
        finally:
            self._waiting = None

    async def _watch(self) -> None:
        """Wait until the client has left. A body that the route does not read is not read here either."""
        while self._complete and not self._left:
            message = await self._receive()
            self._left = message["type"] == "http.disconnect"

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._guards.threads.release(*self._turn)
            self._turn = None

    def _end_body(self) -> None:
        self._complete = True
        self._guards.reading.discard(self)
        if self._connection is not None:
            self._connection.end_body()

    def _too_large(self) -> ProblemError:
        return ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"expected a body of at most {self._limit} bytes; send safetensors instead of JSON, or a smaller "
            "batch",
        )


class GuardMiddleware:
    """Guard every request of an application."""

    def __init__(self, app: ASGIApp, guards: Guards) -> None:
        self._app, self._guards = app, guards

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        guard = state[_GUARD] = RequestGuard(self._guards, scope, receive, send)
        _CURRENT.set(guard)
        CALLER.set(None)
        guard.begin()
        try:
            await self._app(scope, guard.receive, guard.send)
        finally:
            guard.end()


def guard_of(scope: Scope) -> RequestGuard:
    """Return the guard of a request."""
    guard: RequestGuard = scope["state"][_GUARD]
    return guard


async def attend(work: Awaitable[_T]) -> _T:
    """Return the result of work that the present request waits for, if there is one. Raise as its guard."""
    guard = _CURRENT.get()
    return await (work if guard is None else guard.attend(work))


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b" 0"))
        for name, value in scope["headers"]
    )


def _stopping() -> ProblemError:
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "the service is stopping", {"Retry-After": "5"})
