"""Processes that judge, each stopped for good when its submission goes beyond a limit.

They are forked from a server that has imported the numerics already, so a stopped one is replaced at once.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as OutOfTime
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from multiprocessing import forkserver
from threading import Lock, Thread

from pebble import ProcessExpired, ProcessPool

from api.judging.task import Outcome, Stopped, Task
from api.judging.work import judge, prepare
from api.problems import ProblemError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_TRIES = 3  # a process killed from outside says nothing of its submission; one that dies each time does
_LOOK = 1.0  # seconds between looks whether the pool that holds a task still lives


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
        self._lock = Lock()
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
            for tried in range(1, _TRIES + 1):
                pool, future = self._schedule(task)
                waited = asyncio.wrap_future(future)
                try:
                    while not (await asyncio.wait([waited], timeout=_LOOK))[0] and pool.active:
                        pass
                except asyncio.CancelledError:
                    waited.cancel()
                    raise
                outcome = self._outcome(future, last=tried == _TRIES)
                if outcome is not None:
                    return outcome
        finally:
            self._standing -= 1
        raise AssertionError  # the last try gives an outcome or raises

    def judge_now(self, task: Task) -> Outcome:
        """Judge and wait, for callers that are threads of their own.

        Raises: BrokenProcessPool where the processes could not be had; that is nothing of the submission.
        """
        for tried in range(1, _TRIES + 1):
            pool, future = self._schedule(task)
            while not wait([future], timeout=_LOOK).done and pool.active:
                pass
            outcome = self._outcome(future, last=tried == _TRIES)
            if outcome is not None:
                return outcome
        raise AssertionError  # the last try gives an outcome or raises

    def warm_up(self) -> None:
        """Have the numerics imported, and the processes started, before the first submission comes."""
        self._started().schedule(judge, args=(Task(b"{}"),)).result()

    def stop(self) -> None:
        """End the processes; what they are at is lost, so wait for it first."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            _end(pool)

    def _schedule(self, task: Task) -> "tuple[ProcessPool, Future[Outcome]]":
        pool = self._started()
        future: Future[Outcome] = pool.schedule(judge, args=(task,), timeout=self.limits.seconds)
        return pool, future

    def _outcome(self, future: "Future[Outcome]", last: bool) -> Outcome | None:
        """Give what a task came to, None where it is worth another try."""
        try:
            if not future.done():
                raise BrokenProcessPool("the processes ended before they took the task")
            return future.result()
        except OutOfTime:
            return Stopped(f"it took longer than the {self.limits.seconds:g} seconds that one may take here")
        except ProcessExpired:
            died = f"the process that judged it died {_TRIES} times, most likely of too much memory"
            return Stopped(died) if last else None
        except BrokenProcessPool:
            if last:
                raise
            return None

    def _started(self) -> ProcessPool:
        with self._lock:
            if self._pool is not None and not self._pool.active:  # an idle process was killed, say
                Thread(target=_end, args=(self._pool,), daemon=True).start()
                self._pool = None
            if self._pool is None:
                context = multiprocessing.get_context("forkserver")
                context.set_forkserver_preload(["api.judging.work", "torch"])  # torch: if it is there
                with _environment_of_judges():
                    forkserver.ensure_running()
                self._pool = ProcessPool(
                    self._processes, context=context, initializer=prepare, initargs=(self.limits.memory,)
                )
            return self._pool


@contextmanager
def _environment_of_judges() -> Iterator[None]:
    """Give what starts here one thread a process, and no folder's own `api`; this process stays as it was."""
    absent = [name for name in (*_THREADS, "PYTHONSAFEPATH") if name not in os.environ]
    os.environ.update(dict.fromkeys(absent, "1"))
    try:
        yield
    finally:
        for name in absent:
            del os.environ[name]


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()
