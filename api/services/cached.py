"""Values that are worked out once for all who ask at the same time, and kept for a while."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextvars import Context
from math import inf
from time import monotonic
from typing import Any, Generic, TypeVar

from api.service import Service
from api.workers.turns import CALLER, SERVICE

_T = TypeVar("_T")


class Cached(Generic[_T]):
    """A value that is worked out again when it is older than `seconds`; by default never.

    It is work of the service itself, not of the caller who happens to ask: it goes on when that one leaves.
    Errors are raised to all who wait, and not kept. For use in one event loop.
    """

    def __init__(self, work: Callable[[], Awaitable[_T]], seconds: float = inf) -> None:
        self._work, self._seconds = work, seconds
        self._running: asyncio.Task[_T] | None = None
        self._kept: tuple[float, _T] | None = None  # when it was worked out, and the value

    async def get(self) -> _T:
        """Return the value."""
        if self._kept is not None and monotonic() - self._kept[0] <= self._seconds:
            return self._kept[1]
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._compute(), context=Context())
            self._running.add_done_callback(self._finish)
        return await asyncio.shield(self._running)

    async def _compute(self) -> _T:
        CALLER.set(SERVICE)
        return await self._work()

    def _finish(self, task: "asyncio.Task[_T]") -> None:
        self._running = None
        if not task.cancelled() and task.exception() is None:
            self._kept = monotonic(), task.result()


class Recent:
    """Values of many names, as `Cached`: the latest ones, of at most so many bytes together."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._values: OrderedDict[str, tuple[Cached[bytes], int]] = OrderedDict()

    async def get(self, name: str, work: Callable[[], Awaitable[bytes]], size: int) -> bytes:
        """Return the value of a name. size: bytes, about."""
        if name not in self._values:
            self._values[name] = Cached(work), size
            self._size += size
        self._values.move_to_end(name)
        value = self._values[name][0]
        while self._size > self._most and len(self._values) > 1:
            _, (_, dropped) = self._values.popitem(last=False)
            self._size -= dropped
        return await value.get()


async def cached(service: Service, name: str, work: Callable[[], Awaitable[_T]], seconds: float = inf) -> _T:
    """Return the service's value of a name, worked out as `Cached` does."""
    value: Cached[Any] = service.derived.setdefault(name, Cached(work, seconds))
    result: _T = await value.get()
    return result


async def recent(
    service: Service, kind: str, most: int, name: str, work: Callable[[], Awaitable[bytes]], size: int
) -> bytes:
    """Return the service's value of a name among those of a kind, worked out as `Recent` does."""
    values: Recent = service.derived.setdefault(kind, Recent(most))
    return await values.get(name, work, size)
