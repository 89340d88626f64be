"""A pool of worker processes. A process that exceeds a limit is killed and replaced."""

import asyncio
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from time import monotonic, sleep

from api.workers.process import WorkerProcess
from api.workers.protocol import Judged, Outcome, ReadDocument, Reading, ReadTask, Stopped, Task
from api.workers.turns import BACKGROUND, CALLER, SERVICE, Caller, FairQueue

_ATTEMPTS = 3  # a process may be killed from outside; three deaths in a row are due to the submission
_DRAIN_TIMEOUT = 10.0  # seconds to let waiting callers fail cleanly on shutdown
_DRAIN_INTERVAL = 0.01


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on one task, in seconds and bytes, and on the number of waiting tasks."""

    seconds: float = 30.0
    memory: int = 4 * 2**30
    waiting: int = 256


class WorkerPool:
    """Judge tasks in a fixed number of processes. None is started before the first task that needs it.

    processes: how many judge at once for one caller, and in background work. reserve: further processes, for
    callers that have nothing in work. Whose task it is, says `CALLER`.
    """

    def __init__(self, processes: int, limits: Limits, reserve: int = 0) -> None:
        self.limits = limits
        self._processes = [WorkerProcess(limits.memory, limits.seconds) for _ in range(reserve + processes)]
        self._queue = FairQueue(self._processes, reserve, limits.waiting)
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
        outcome = await self._count_and_run(task)
        assert not isinstance(outcome, ReadDocument)
        return outcome

    async def read(self, task: ReadTask) -> Reading:
        """Read a document without blocking the event loop. Raise as `judge`."""
        outcome = await self._count_and_run(task)
        assert not isinstance(outcome, Judged)
        return outcome

    def judge_sync(self, task: Task) -> Outcome:
        """Judge a task of background work and block until it is done, for callers in threads.

        Raise BrokenProcessPool if no process could be started, which is no fault of the submission.
        """
        outcome = asyncio.run(self._run(task, CALLER.get() or BACKGROUND))
        assert not isinstance(outcome, ReadDocument)
        return outcome

    def warm_up(self) -> None:
        """Start all processes, so that no submission need wait for that."""
        for process in self._processes:
            process.start()

    def stop(self) -> None:
        """Kill all processes. Tasks that are being judged fail with BrokenProcessPool."""
        self._stopped = True
        for process in self._processes:
            process.kill()
        # an event loop is not notified if a socket is closed that it waits for
        end = monotonic() + _DRAIN_TIMEOUT
        while not self._queue.is_idle() and monotonic() < end:
            sleep(_DRAIN_INTERVAL)
        for process in self._processes:
            process.end()

    async def _count_and_run(self, task: Task | ReadTask) -> Outcome | ReadDocument:
        self._pending += 1
        try:
            return await self._run(task, CALLER.get() or SERVICE)
        finally:
            self._pending -= 1

    async def _run(self, task: Task | ReadTask, caller: Caller) -> Outcome | ReadDocument:
        for attempt in range(1, _ATTEMPTS + 1):
            process = await self._queue.acquire(caller)
            try:
                if self._stopped:
                    raise BrokenProcessPool("the processes that judge have been ended")
                outcome = await process.run(task)
            except BrokenProcessPool:
                if self._stopped or attempt == _ATTEMPTS:
                    raise
                outcome = None
            finally:
                self._queue.release(process, caller)
            if outcome is not None:
                return outcome
        reason = f"the process that judged it died {_ATTEMPTS} times, most likely of too much memory"
        return Stopped(reason)
