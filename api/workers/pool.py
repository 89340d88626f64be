"""A pool of worker processes. A process that exceeds a limit is killed and replaced."""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from api.workers.process import WorkerProcess
from api.workers.protocol import Outcome, Stopped, Task

_T = TypeVar("_T")
_ATTEMPTS = 3  # a process may be killed from outside; three deaths in a row are due to the submission
_DRAIN_TIMEOUT = 10.0  # seconds to let waiting callers fail cleanly on shutdown


class QueueFullError(Exception):
    """Too many tasks are waiting."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on one task, in seconds and bytes, and on the number of waiting tasks."""

    seconds: float = 30.0
    memory: int = 4 * 2**30
    waiting: int = 256


class FairQueue(Generic[_T]):
    """Items that one caller at a time may hold, handed out in the order of the requests.

    Callers may run in event loops of different threads.
    """

    def __init__(self, items: Sequence[_T]) -> None:
        self._free = list(items)  # last in, first out: the caches of the last one are warm
        self._waiters: deque[asyncio.Future[_T]] = deque()
        self._lock = Lock()

    async def acquire(self) -> _T:
        with self._lock:
            if self._free:
                return self._free.pop()
            waiter: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            self._cancel(waiter)
            raise

    def release(self, item: _T) -> None:
        """Hand an item to the next waiter."""
        running_loop = asyncio.get_running_loop()
        while (waiter := self._next_waiter(item)) is not None:
            if waiter.get_loop() is not running_loop:
                with suppress(RuntimeError):  # that event loop has been closed: try the next waiter
                    waiter.get_loop().call_soon_threadsafe(self._hand_over, waiter, item)
                    return
            elif not waiter.cancelled():
                waiter.set_result(item)
                return

    def _next_waiter(self, item: _T) -> "asyncio.Future[_T] | None":
        """Return the next waiter; if there is none, put the item back and return None."""
        with self._lock:
            if self._waiters:
                return self._waiters.popleft()
            self._free.append(item)
            return None

    def _hand_over(self, waiter: "asyncio.Future[_T]", item: _T) -> None:
        if waiter.cancelled():
            self.release(item)
        else:
            waiter.set_result(item)

    def _cancel(self, waiter: "asyncio.Future[_T]") -> None:
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
                return
        if not waiter.cancelled():  # it got an item at the moment of its cancellation
            self.release(waiter.result())


class WorkerPool:
    """Judge tasks in a fixed number of processes. No process is started before the first task."""

    def __init__(self, processes: int, limits: Limits) -> None:
        self.limits = limits
        self._processes = [WorkerProcess(limits.memory, limits.seconds) for _ in range(processes)]
        self._idle = FairQueue(self._processes)
        self._pending = 0
        self._stopped = False

    @property
    def pending(self) -> int:
        """Number of tasks that are waiting or being judged."""
        return self._pending

    @property
    def process_ids(self) -> list[int]:
        """Ids of the processes that have been started."""
        return [process.pid for process in self._processes if process.pid is not None]

    async def judge(self, task: Task) -> Outcome:
        """Judge a task without blocking the event loop. Raise QueueFullError if too many are waiting."""
        if self._pending >= self.limits.waiting + len(self._processes):
            raise QueueFullError
        self._pending += 1
        try:
            return await self._judge(task)
        finally:
            self._pending -= 1

    def judge_sync(self, task: Task) -> Outcome:
        """Judge a task and block until it is done, for callers in threads.

        Raise BrokenProcessPool if no process could be started, which is no fault of the submission.
        """
        return asyncio.run(self._judge(task))

    def warm_up(self) -> None:
        """Start all processes, so that the first submission need not wait for imports."""
        for process in self._processes:
            process.start()

    def stop(self) -> None:
        """Kill all processes. Tasks that are being judged fail with BrokenProcessPool."""
        self._stopped = True
        for process in self._processes:
            process.kill()
        asyncio.run(self._drain())
        for process in self._processes:
            process.end()

    async def _drain(self) -> None:
        """Wait until no caller awaits a socket: an event loop is not notified if one is closed."""
        acquired = []
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_TIMEOUT):
                    for _ in self._processes:
                        acquired.append(await self._idle.acquire())
        finally:
            for process in acquired:
                self._idle.release(process)

    async def _judge(self, task: Task) -> Outcome:
        for attempt in range(1, _ATTEMPTS + 1):
            process = await self._idle.acquire()
            try:
                if self._stopped:
                    raise BrokenProcessPool("the processes that judge have been ended")
                outcome = await process.judge(task)
            except BrokenProcessPool:
                if self._stopped or attempt == _ATTEMPTS:
                    raise
                outcome = None
            finally:
                self._idle.release(process)
            if outcome is not None:
                return outcome
        reason = f"the process that judged it died {_ATTEMPTS} times, most likely of too much memory"
        return Stopped(reason)
