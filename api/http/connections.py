"""Connections: how many there may be, how long one may wait, and what is refused, a line in the log each.

uvicorn has a timeout for idle connections (`timeout_keep_alive`) and none for heads of requests. Its
`limit_concurrency` refuses everybody once enough half-sent heads are there. So `Connection` stands between a
transport and uvicorn's protocol, and uses what asyncio documents of both:

- Where a request is awaited, its head must be complete within `idle_seconds`.
- Beyond `most_connections`, the oldest connection is closed that waits for a request or, if there is none or
  it is new, for the rest of a body. Who sends a whole request at once is served, however many connections
  somebody holds open.
- An answer before the end of a body is followed by what is left of the body: it is dropped until the client
  has read the answer (RFC 9112, section 9.6).
- Large pieces are parsed in small ones, so that other connections have their turn, and a body that takes
  too much parsing, because its chunks are tiny, is refused.
"""

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from time import monotonic, thread_time
from typing import Any, cast

import structlog

from api.http.problems import MEDIA_TYPE
from api.http.rate_limits import address_key
from api.settings import Settings

CONNECTIONS = "connections"  # key of the lifespan's state
_CONNECTION = "connection"  # key of a request's state: see api.http.guard
_LINGER, _LAST_LINGER = 10.0, 0.5  # seconds in which the rest of a body is dropped; when the service stops
_NEW = 0.5  # seconds after which a connection that waits for a request has had time to send one
_PIECE = 16 * 2**10  # bytes parsed at once
_PARSING_GRACE = 1.0  # seconds of processor time for the bytes of a connection, whatever they are,
_PARSING_RATE = 4 * 2**20  # and one more for so many bytes


class Connections:
    """All connections of a process."""

    def __init__(self, settings: Settings, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self.idle_seconds, self.linger_seconds = settings.idle_seconds, _LINGER
        self._most = settings.most_connections
        self._open: set[Connection] = set()
        # since when, the oldest first
        self._waiting: OrderedDict[Connection, float] = OrderedDict()
        self._sending: OrderedDict[Connection, float] = OrderedDict()

    def add(self, connection: "Connection") -> bool:
        """Add a connection, and close another one if there are too many. Return False if none can be."""
        self._open.add(connection)
        if len(self._open) <= self._most:
            return True
        oldest = self._dispensable()
        if oldest is not None:
            oldest.abort("closed in favour of another: too many connections")
        return oldest is not None

    def move(self, connection: "Connection", *, waits: bool = False, sends: bool = False) -> None:
        """Note that a connection waits for a request, sends a body, or does neither."""
        self._waiting.pop(connection, None)
        self._sending.pop(connection, None)
        if waits:
            self._waiting[connection] = self._now()
        if sends:
            self._sending[connection] = self._now()

    def remove(self, connection: "Connection") -> None:
        self.move(connection)
        self._open.discard(connection)

    def _dispensable(self) -> "Connection | None":
        """Return the connection that is closed in favour of a new one; None if all are busy."""
        waiting, since = next(iter(self._waiting.items()), (None, 0.0))
        sending, begun = next(iter(self._sending.items()), (None, 0.0))
        if waiting is None or sending is None:
            return waiting or sending
        # where many send bodies slowly, the connections that wait are those of callers who have just come
        return waiting if self._now() - since > _NEW or since < begun else sending

    def stop(self) -> None:
        """Close the connections that only drop what is left of a body, and others soon after their answer."""
        self.linger_seconds = _LAST_LINGER
        for connection in list(self._open):
            connection.end_linger()


class Connection(asyncio.Protocol):
    """One connection. uvicorn creates it like a protocol of its own; `http` creates that protocol."""

    http: Callable[..., asyncio.Protocol]
    _transport: asyncio.Transport

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> None:
        self._connections: Connections = app_state[CONNECTIONS]
        state = {**app_state, _CONNECTION: self}  # uvicorn copies it into the state of every request
        self._http = type(self).http(config=config, server_state=server_state, app_state=state, _loop=_loop)
        self._loop = _loop or asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._requests = 0  # in work
        self._accepted = self._paused = False
        self._discards = self._lingers = self._aborted = False
        self._unparsed: deque[bytes] = deque()
        self._parsed, self._parsing_seconds = 0, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has its methods, not its class
        self._accepted = self._connections.add(self)
        if self._accepted:
            self._http.connection_made(_HttpTransport(self, self._transport))
            self._wait_for_request()
        else:
            self._log("refused: too many connections")
            self._transport.write(_refusal())
            self._linger()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove(self)
        self._set_timer(0)
        self._unparsed.clear()
        if self._accepted:
            self._http.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingers:
            return
        idle = not self._unparsed
        self._unparsed.extend(data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
        if idle:
            self._parse()

    def eof_received(self) -> bool | None:
        return None if self._lingers else self._http.eof_received()

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()

    def begin_request(self) -> None:
        self._requests += 1
        self._set_timer(0)
        self._connections.move(self, sends=True)

    def end_body(self) -> None:
        self._connections.move(self)

    def end_request(self) -> None:
        self._requests -= 1
        if not self._requests:
            self._parsed, self._parsing_seconds = 0, 0.0
            self._wait_for_request()

    def discard_body(self) -> None:
        self._discards = True

    def abort(self, reason: str) -> None:
        """Close the connection at once, whatever is still to be sent."""
        if not self._aborted:
            self._aborted = True
            self._log(reason)
            self._connections.remove(self)
            self._transport.abort()

    def close(self) -> None:
        """Close the connection when everything is sent, and read to its end if the client still sends."""
        if self._discards:
            self._linger()
        elif not self._transport.is_closing():
            self._transport.close()
            if self._transport.get_write_buffer_size():
                self._set_timer(self._connections.idle_seconds, "the answer was not read")

    def pause_reading(self) -> None:
        self._paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._paused = False
        if not self._unparsed and not self.is_closing():
            self._transport.resume_reading()

    def is_closing(self) -> bool:
        return self._lingers or self._transport.is_closing()

    def end_linger(self) -> None:
        if self._lingers:
            self._transport.abort()

    def _parse(self) -> None:
        """Parse a piece of what has come, and the next one in the event loop's next round."""
        if self._aborted or self._lingers or not self._unparsed:
            self._unparsed.clear()
            return
        piece = self._unparsed.popleft()
        begun = thread_time()
        self._http.data_received(piece)
        self._parsing_seconds += thread_time() - begun
        self._parsed += len(piece)
        if self._parsing_seconds > _PARSING_GRACE + self._parsed / _PARSING_RATE:
            self.abort("refused: a body of tiny chunks")
        if self._unparsed:
            self._transport.pause_reading()
            self._loop.call_soon(self._parse_rest)

    def _parse_rest(self) -> None:
        self._parse()
        if not self._paused:
            self.resume_reading()

    def _wait_for_request(self) -> None:
        if not self.is_closing():
            self._connections.move(self, waits=True)
            self._set_timer(self._connections.idle_seconds, "refused: no whole request came")

    def _linger(self) -> None:
        if self._lingers or self._transport.is_closing():
            return
        self._lingers = True
        self._unparsed.clear()
        self._connections.move(self, waits=True)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._transport.resume_reading()
        self._set_timer(self._connections.linger_seconds)

    def _set_timer(self, seconds: float, reason: str = "") -> None:
        """Close the connection after so many seconds, and log the reason if there is one; 0 for never."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds:
            action = partial(self.abort, reason) if reason else self.end_linger
            self._timer = self._loop.call_later(seconds, action)

    def _log(self, reason: str) -> None:
        peer = self._transport.get_extra_info("peername")
        client = address_key(str(peer[0])) if isinstance(peer, tuple) and peer else None
        structlog.get_logger("gradjury.connections").warning("connection", reason=reason, client=client)


class _HttpTransport(asyncio.Transport):
    """The transport that uvicorn's protocol is given: its `close` is that of the connection."""

    def __init__(self, connection: Connection, transport: asyncio.Transport) -> None:
        super().__init__()
        self._connection, self._transport = connection, transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self._connection.is_closing()

    def close(self) -> None:
        self._connection.close()

    def abort(self) -> None:
        self._transport.abort()

    def pause_reading(self) -> None:
        self._connection.pause_reading()

    def resume_reading(self) -> None:
        self._connection.resume_reading()


def _refusal() -> bytes:
    """Return an answer of HTTP/1.1 that there are too many connections."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    document = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": "too many connections; try again shortly",
    }
    body = json.dumps(document).encode()
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\nretry-after: 2\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
