"""Who is next: things that one caller at a time may have, given in the order they were asked for."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Line(Generic[_T]):
    """Callers may be in event loops of different threads."""

    def __init__(self, things: Sequence[_T]) -> None:
        self._free = list(things)  # the last one back is the first one out: its caches are warm
        self._waiting: deque[asyncio.Future[_T]] = deque()
        self._lock = Lock()

    async def take(self) -> _T:
        with self._lock:
            if self._free:
                return self._free.pop()
            turn: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            self._leave(turn)
            raise

    def give_back(self, thing: _T) -> None:
        """Let the next in line have it."""
        here = asyncio.get_running_loop()
        while (turn := self._next(thing)) is not None:
            if turn.get_loop() is not here:
                with suppress(RuntimeError):  # that event loop has been closed, and nobody waits there
                    turn.get_loop().call_soon_threadsafe(self._hand, turn, thing)
                    return
            elif not turn.cancelled():
                turn.set_result(thing)
                return

    def _next(self, thing: _T) -> "asyncio.Future[_T] | None":
        """Give whose turn it is; keep the thing where nobody waits."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._free.append(thing)
            return None

    def _hand(self, turn: "asyncio.Future[_T]", thing: _T) -> None:
        if turn.cancelled():
            self.give_back(thing)
        else:
            turn.set_result(thing)

    def _leave(self, turn: "asyncio.Future[_T]") -> None:
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        if not turn.cancelled():  # its turn came as it left
            self.give_back(turn.result())
