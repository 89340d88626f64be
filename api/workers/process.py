"""One worker process, killed when a task exceeds a limit.

It is forked from a server that has already imported the numerics, so a killed process is replaced at once.
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

from api.workers.protocol import (
    Failed,
    Outcome,
    ReadDocument,
    ReadTask,
    Stopped,
    Task,
    encode_frames,
    read_message_async,
)
from api.workers.work import worker_main

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_STARTER = ThreadPoolExecutor(1, "starting")  # one start at a time: each changes the environment for a moment
_JOIN_TIMEOUT = 10.0  # seconds to wait for a killed process
_LOG = logging.getLogger("gradjury")


class JudgingError(Exception):
    """An internal error while judging. The message is its class; the log has the traceback."""


class WorkerProcess:
    """A process that does one task at a time. It is started by the first task, and again after it died.

    memory: bytes. seconds: time limit of one task.
    """

    def __init__(self, memory: int, seconds: float) -> None:
        self._memory, self._seconds = memory, seconds
        self._process: multiprocessing.process.BaseProcess | None = None
        self._socket: socket | None = None
        self._tasks = 0  # sent so far

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def run(self, task: Task | ReadTask) -> Outcome | ReadDocument | None:
        """Judge or read without blocking the event loop. Return None if the process died.

        An answer to another task is nobody's: the process is killed, as if it had died.

        Raise BrokenProcessPool if no process could be started, JudgingError for an internal error.
        """
        loop = asyncio.get_running_loop()
        if (connection := self._open_socket()) is None:
            connection = await loop.run_in_executor(_STARTER, self._ensure_started)
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            self.kill()

        self._tasks += 1
        number = self._tasks
        deadline = loop.call_later(self._seconds, expire)
        try:
            for frame in encode_frames(task, number):
                await loop.sock_sendall(connection, frame)
            outcome, answered = await read_message_async(connection)
        except (EOFError, OSError):
            self.kill()
            reason = f"it took longer than the {self._seconds:g} seconds that one may take here"
            return Stopped(reason) if expired else None
        except BaseException:
            self.kill()  # otherwise the next task would read this one's outcome
            raise
        finally:
            deadline.cancel()
        if answered != number:
            _LOG.error(
                "a worker process sent another outcome and is killed: expected task %d, got task %d",
                number,
                answered,
            )
            self.kill()
            return None
        if isinstance(outcome, Failed):
            _LOG.error("unexpected %s while judging\n%s", outcome.kind, outcome.where)
            raise JudgingError(outcome.kind)
        assert not isinstance(outcome, Task | ReadTask)
        return outcome

    def start(self) -> None:
        """Start the process, unless it is running. Raise BrokenProcessPool if that fails."""
        _STARTER.submit(self._ensure_started).result()

    def kill(self) -> None:
        """Kill the process. A caller that awaits its outcome gets an EOFError."""
        connection, process = self._socket, self._process  # another thread may reset them meanwhile
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        if process is not None and process.is_alive():
            process.kill()

    def end(self) -> None:
        """Kill the process and wait until it has ended."""
        self.kill()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.join(_JOIN_TIMEOUT)
            self._process = None

    def _ensure_started(self) -> socket:
        """Return the socket of the process; start it if it is not running."""
        if (connection := self._open_socket()) is not None:  # started for a caller that has been cancelled
            return connection
        self.end()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["api.workers.work", "torch"])  # torch is optional
        ours, theirs = socketpair()
        arguments = (theirs, self._memory, self._seconds)
        process = context.Process(target=worker_main, args=arguments, daemon=True)
        try:
            with theirs, _worker_environment():
                process.start()
        except BaseException as error:
            ours.close()
            if not isinstance(error, OSError | EOFError):
                raise
            raise BrokenProcessPool(f"no process could be started to judge: {error}") from None
        ours.setblocking(False)
        self._process, self._socket = process, ours
        return ours

    def _open_socket(self) -> socket | None:
        """Return the socket of the running process; None if it was not started or has died."""
        if self._socket is None:
            return None
        try:
            self._socket.recv(1, MSG_PEEK | MSG_DONTWAIT)
        except BlockingIOError:
            return self._socket  # open, and nothing to read
        except OSError:
            return None
        return None


@contextmanager
def _worker_environment() -> Iterator[None]:
    """Set the environment of a started process: one thread, and no imports from the current folder."""
    absent = [name for name in (*_THREAD_VARIABLES, "PYTHONSAFEPATH") if name not in os.environ]
    os.environ.update(dict.fromkeys(absent, "1"))
    try:
        yield
    finally:
        for name in absent:
            del os.environ[name]
