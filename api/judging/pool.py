"""Processes that judge, each stopped for good when its submission goes beyond a limit.

They are forked from a server that has imported the numerics already, so a stopped one is replaced at once.
"""

import asyncio
import multiprocessing
import os
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass
from http import HTTPStatus

from pebble import ProcessExpired, ProcessPool

from api.judging.task import Outcome, Stopped, Task
from api.judging.work import judge, prepare
from api.problems import ProblemError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Limits:
    """seconds and bytes: of one submission. waiting: how many may stand in line."""

    seconds: float = 30.0
    memory: int = 4 * 2**30
    waiting: int = 256


class JudgingPool:
    """Judges tasks, so many at a time as there are processes. Nothing starts before the first task."""

    def __init__(self, processes: int, limits: Limits) -> None:
        self.limits = limits
        self._processes = processes
        self._pool: ProcessPool | None = None
        self._standing = 0

    @property
    def standing(self) -> int:
        """How many tasks are in work or waiting."""
        return self._standing

    async def judge(self, task: Task) -> Outcome:
        """Judge without blocking the event loop. Raises: ProblemError 429 when too many are waiting."""
        if self._standing >= self.limits.waiting + self._processes:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too many submissions are waiting to be judged; try again shortly",
                {"Retry-After": "2"},
            )
        self._standing += 1
        try:
            return await asyncio.wrap_future(self._schedule(task))
        except (OutOfTime, ProcessExpired) as error:
            return self._stopped(error)
        finally:
            self._standing -= 1

    def judge_now(self, task: Task) -> Outcome:
        """Judge and wait, for callers that are threads of their own."""
        try:
            return self._schedule(task).result()
        except (OutOfTime, ProcessExpired) as error:
            return self._stopped(error)

    def warm_up(self) -> None:
        """Have the numerics imported, and the processes started, before the first submission comes."""
        self._started().schedule(judge, args=(Task(b"{}"),)).result()

    def stop(self) -> None:
        """End the processes; what they are at is lost, so wait for it first."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None

    def _schedule(self, task: Task) -> "Future[Outcome]":
        future: Future[Outcome] = self._started().schedule(judge, args=(task,), timeout=self.limits.seconds)
        return future

    def _started(self) -> ProcessPool:
        if self._pool is None:
            for variable in (*_THREADS, "PYTHONSAFEPATH"):  # one thread a process; no folder's own `api`
                os.environ.setdefault(variable, "1")
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["api.judging.work", "torch"])  # torch: if it is there
            self._pool = ProcessPool(
                self._processes, context=context, initializer=prepare, initargs=(self.limits.memory,)
            )
        return self._pool

    def _stopped(self, error: Exception) -> Stopped:
        if isinstance(error, OutOfTime):
            return Stopped(f"it took longer than the {self.limits.seconds:g} seconds that one may take here")
        return Stopped("the process that judged it died, most likely of too much memory")
