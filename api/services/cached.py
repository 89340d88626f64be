"""Values that are worked out once for all who ask at the same time, and kept for a while."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextvars import Context
from math import inf
from threading import Lock
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


class LruCache(Generic[_T]):
    """Values by name. Those not used for longest go when all together are larger than `most`.

    Threads may share it.
    """

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._values: OrderedDict[str, tuple[_T, int]] = OrderedDict()  # with the size of each
        self._lock = Lock()

    def get(self, name: str) -> _T | None:
        """Return the value of a name; None if it is not there."""
        with self._lock:
            if name not in self._values:
                return None
            self._values.move_to_end(name)
            return self._values[name][0]

    def put(self, name: str, value: _T, size: int = 1) -> None:
        """Keep a value, in place of an earlier one of its name. It stays even if it alone is too large."""
        with self._lock:
            _, earlier = self._values.pop(name, (value, 0))
            self._values[name] = value, size
            self._size += size - earlier
            while self._size > self._most and len(self._values) > 1:
                _, (_, dropped) = self._values.popitem(last=False)
                self._size -= dropped


async def cached(service: Service, name: str, work: Callable[[], Awaitable[_T]], seconds: float = inf) -> _T:
    """Return the service's value of a name, worked out as `Cached` does."""
    value: Cached[Any] = service.derived.setdefault(name, Cached(work, seconds))
    result: _T = await value.get()
    return result


async def recent(
    service: Service,
    kind: str,
    most: int,
    name: str,
    work: Callable[[], Awaitable[_T]],
    size: int = 1,
    seconds: float = inf,
) -> _T:
    """Return the service's value of a name among those of a kind, worked out as `Cached` does.

    most: the size of all that are kept of the kind together. size: that of this one, about.
    """
    values: LruCache[Cached[_T]] = service.derived.setdefault(kind, LruCache(most))
    value = values.get(name)
    if value is None:
        value = Cached(work, seconds)
        values.put(name, value, size)
    return await value.get()
