"""Processes that judge, so many at a time, each stopped for good when its submission goes beyond a limit."""

import asyncio
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from api.judging.line import Line
from api.judging.process import JudgingProcess
from api.judging.task import Outcome, Stopped, Task
from api.problems import ProblemError

_TRIES = 3  # a process killed from outside says nothing of its submission; one that dies each time does
_LEAVING = 10.0  # seconds that those who wait may take to hear that nothing more comes


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
        self._processes = [JudgingProcess(limits.memory, limits.seconds) for _ in range(processes)]
        self._line = Line(self._processes)
        self._standing = 0
        self._stopped = False

    @property
    def standing(self) -> int:
        """How many tasks are in work or waiting."""
        return self._standing

    @property
    def process_ids(self) -> list[int]:
        """The processes that have been started."""
        return [process.pid for process in self._processes if process.pid is not None]

    async def judge(self, task: Task) -> Outcome:
        """Judge without blocking the event loop. Raises: ProblemError 429 when too many are waiting."""
        if self._standing >= self.limits.waiting + len(self._processes):
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too many submissions are waiting to be judged; try again shortly",
                {"Retry-After": "2"},
            )
        self._standing += 1
        try:
            return await self._judged(task)
        finally:
            self._standing -= 1

    def judge_now(self, task: Task) -> Outcome:
        """Judge and wait, for callers that are threads of their own.

        Raises: BrokenProcessPool where the processes could not be had; that is nothing of the submission.
        """
        return asyncio.run(self._judged(task))

    def warm_up(self) -> None:
        """Have the numerics imported, and the processes started, before the first submission comes."""
        for process in self._processes:
            process.start()

    def stop(self) -> None:
        """End the processes; what they are at is lost, so wait for it first."""
        self._stopped = True
        for process in self._processes:
            process.kill()
        asyncio.run(self._left())
        for process in self._processes:
            process.end()

    async def _left(self) -> None:
        """Wait until nobody awaits an answer: a socket closed under an event loop is heard of no more."""
        taken = []
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LEAVING):
                    for _ in self._processes:
                        taken.append(await self._line.take())
        finally:
            for process in taken:
                self._line.give_back(process)

    async def _judged(self, task: Task) -> Outcome:
        for tried in range(1, _TRIES + 1):
            process = await self._line.take()
            try:
                if self._stopped:
                    raise BrokenProcessPool("the processes that judge have been ended")
                outcome = await process.judge(task)
            except BrokenProcessPool:
                if self._stopped or tried == _TRIES:
                    raise
                outcome = None
            finally:
                self._line.give_back(process)
            if outcome is not None:
                return outcome
        died = f"the process that judged it died {_TRIES} times, most likely of too much memory"
        return Stopped(died)
