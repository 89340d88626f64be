"""One process that judges, killed for good when a submission goes beyond a limit.

It is forked from a server that has imported the numerics already, so a killed one is replaced at once.
"""

import asyncio
import logging
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from socket import MSG_DONTWAIT, MSG_PEEK, SHUT_RDWR, socket, socketpair

from api.judging.frames import awaited_frame, framed
from api.judging.task import Failed, Outcome, Stopped, Task
from api.judging.work import work

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_STARTING = ThreadPoolExecutor(1, "starting")  # one at a time, as asked: it passes through the environment
_ENDING = 10.0  # seconds that a killed process may take to be gone
_LOG = logging.getLogger("gradjury")


class JudgingError(Exception):
    """An error of our own while judging, by its kind; the log says where it rose."""


class JudgingProcess:
    """Judges one task at a time; started by the first, and again by the first after it has died."""

    def __init__(self, memory: int, seconds: float) -> None:
        self._memory, self._seconds = memory, seconds
        self._process: multiprocessing.process.BaseProcess | None = None
        self._socket: socket | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def judge(self, task: Task) -> Outcome | None:
        """Judge a task without blocking the event loop. Gives None where its process died.

        Raises: BrokenProcessPool where no process could be had, JudgingError where judging itself failed.
        """
        loop = asyncio.get_running_loop()
        if (end := self._living()) is None:
            end = await loop.run_in_executor(_STARTING, self._started)
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            self.kill()

        deadline = loop.call_later(self._seconds, expire)
        try:
            for piece in framed(task):
                await loop.sock_sendall(end, piece)
            outcome = await awaited_frame(end)
        except (EOFError, OSError):
            self.kill()
            too_long = f"it took longer than the {self._seconds:g} seconds that one may take here"
            return Stopped(too_long) if expired else None
        except BaseException:
            self.kill()  # else its answer would be taken for another's
            raise
        finally:
            deadline.cancel()
        if isinstance(outcome, Failed):
            _LOG.error("unforeseen %s while judging\n%s", outcome.kind, outcome.where)
            raise JudgingError(outcome.kind)
        assert not isinstance(outcome, Task)
        return outcome

    def start(self) -> None:
        """Start it in place of the one that died, if one did. Raises: BrokenProcessPool."""
        _STARTING.submit(self._started).result()

    def kill(self) -> None:
        """Let nothing more come of it, at once: who waits for its answer is told that there is none."""
        end, process = self._socket, self._process  # another thread may end it meanwhile
        if end is not None:
            with suppress(OSError):
                end.shutdown(SHUT_RDWR)
        if process is not None and process.is_alive():
            process.kill()

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self.kill()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.join(_ENDING)
            self._process = None

    def _started(self) -> socket:
        """Give its socket. Whoever asked before may have left, and what was started is there."""
        if (end := self._living()) is not None:
            return end
        self.end()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["api.judging.work", "torch"])  # torch: if it is there
        ours, theirs = socketpair()
        arguments = (theirs, self._memory, self._seconds)
        process = context.Process(target=work, args=arguments, daemon=True)
        try:
            with theirs, _environment_of_judges():
                process.start()
        except BaseException as error:
            ours.close()
            if not isinstance(error, OSError | EOFError):
                raise
            raise BrokenProcessPool(f"no process could be started to judge: {error}") from None
        ours.setblocking(False)
        self._process, self._socket = process, ours
        return ours

    def _living(self) -> socket | None:
        """Give its socket; None when it has not been started, or has died."""
        if self._socket is None:
            return None
        try:
            self._socket.recv(1, MSG_PEEK | MSG_DONTWAIT)
        except BlockingIOError:
            return self._socket  # open, and silent as it should be
        except OSError:
            return None
        return None


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
