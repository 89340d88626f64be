"""Judge many files in several processes, in the order of the files.

This module does not import numpy, because a worker process sets its number of threads before numpy reads it.
If a worker dies, its whole pool breaks, and the pool does not report which file was being judged. Therefore
the next file is judged alone and the others in a new pool, until the file that kills its worker is found.
"""

import copyreg
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from signal import SIG_IGN, SIGINT, signal
from threading import current_thread, main_thread
from types import MappingProxyType
from typing import TYPE_CHECKING

from verifier.problem.errors import replace_surrogates

if TYPE_CHECKING:
    from verifier.cli.files import CheckOptions
    from verifier.report.outcome import FileOutcome

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

Frozen = MappingProxyType[object, object]
Judge = Callable[[str, "CheckOptions"], "FileOutcome"]


def check_files_in_workers(
    sources: Sequence[str], manner: "CheckOptions", processes: int, check: Judge | None = None
) -> Generator["FileOutcome", None, None]:
    """Yield the outcome of each file, in order. If a worker dies, the outcome of its file is an error."""
    position = 0
    while position < len(sources):
        for outcome in _judge_in_pool(sources[position:], manner, processes, check or _judge):
            yield outcome
            position += 1
        if position < len(sources):
            outcomes = list(_judge_in_pool(sources[position : position + 1], manner, 1, check or _judge))
            yield outcomes[0] if outcomes else _worker_died(sources[position])
            position += 1


def _judge_in_pool(
    sources: Sequence[str], manner: "CheckOptions", processes: int, check: Judge
) -> Generator["FileOutcome", None, None]:
    """Yield the outcomes in order; stop early if a worker dies."""
    pool = ProcessPoolExecutor(min(processes, len(sources)), get_context("spawn"), _initialize_worker)
    try:
        with _interrupts_ignored():
            futures: list[Future[FileOutcome]] = [pool.submit(check, source, manner) for source in sources]
        for future in futures:
            yield future.result()
    except BrokenProcessPool:
        return
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Make workers started in this context ignore interrupts; the parent process stops them."""
    if current_thread() is not main_thread():  # Python sets signal handlers only in the main thread
        yield
        return
    before = signal(SIGINT, SIG_IGN)
    try:
        yield
    finally:
        signal(SIGINT, before)


def _initialize_worker() -> None:
    for variable in _THREADS:
        os.environ.setdefault(variable, "1")
    copyreg.pickle(MappingProxyType, _reduce)  # reports contain frozen mappings


def _reduce(mapping: Frozen) -> tuple[Callable[[dict[object, object]], Frozen], tuple[dict[object, object]]]:
    return _freeze, (dict(mapping),)


def _freeze(items: dict[object, object]) -> Frozen:
    return MappingProxyType(items)


def _judge(source: str, manner: "CheckOptions") -> "FileOutcome":
    from verifier.cli.files import check_file  # loads numpy, after the number of threads is set

    return check_file(source, manner)


def _worker_died(source: str) -> "FileOutcome":
    from verifier.report.outcome import FileOutcome  # loads numpy

    return FileOutcome(
        replace_surrogates(source), None, broken="the process that judged it died (out of memory?)"
    )
