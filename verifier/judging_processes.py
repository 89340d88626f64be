"""Many files judged by several processes, in the order of the files.

This module imports no numerics: a process sets its number of threads before numpy reads it. A process that
dies takes its pool with it, and nobody knows which file it was at; so the next file is judged alone, and the
rest by a new pool, until the one that dies alone is found.
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

from verifier.documents.mistakes import encodable

if TYPE_CHECKING:
    from verifier.judging import Manner
    from verifier.sourced import Sourced

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

Frozen = MappingProxyType[object, object]
Judge = Callable[[str, "Manner"], "Sourced"]


def judged_by_processes(
    sources: Sequence[str], manner: "Manner", processes: int, judge: Judge | None = None
) -> Generator["Sourced", None, None]:
    """Give each file as it went, in order; one whose process died is told as such."""
    position = 0
    while position < len(sources):
        for own in _until_one_dies(sources[position:], manner, processes, judge or _judge):
            yield own
            position += 1
        if position < len(sources):
            alone = list(_until_one_dies(sources[position : position + 1], manner, 1, judge or _judge))
            yield alone[0] if alone else _dead(sources[position])
            position += 1


def _until_one_dies(
    sources: Sequence[str], manner: "Manner", processes: int, judge: Judge
) -> Generator["Sourced", None, None]:
    pool = ProcessPoolExecutor(min(processes, len(sources)), get_context("spawn"), _prepare)
    try:
        with _interrupts_ignored():
            futures: list[Future[Sourced]] = [pool.submit(judge, source, manner) for source in sources]
        for future in futures:
            yield future.result()
    except BrokenProcessPool:
        return
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let the processes that start here leave a terminal's interrupt to this one, which then ends them."""
    if current_thread() is not main_thread():  # elsewhere Python sets no signals
        yield
        return
    before = signal(SIGINT, SIG_IGN)
    try:
        yield
    finally:
        signal(SIGINT, before)


def _prepare() -> None:
    for variable in _THREADS:
        os.environ.setdefault(variable, "1")
    copyreg.pickle(MappingProxyType, _reduced)  # reports hold frozen mappings


def _reduced(mapping: Frozen) -> tuple[Callable[[dict[object, object]], Frozen], tuple[dict[object, object]]]:
    return _frozen, (dict(mapping),)


def _frozen(items: dict[object, object]) -> Frozen:
    return MappingProxyType(items)


def _judge(source: str, manner: "Manner") -> "Sourced":
    from verifier.judging import judge

    return judge(source, manner)


def _dead(source: str) -> "Sourced":
    from verifier.sourced import Sourced

    return Sourced(encodable(source), None, broken="the process that judged it died (out of memory?)")
