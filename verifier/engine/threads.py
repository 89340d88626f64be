"""Cores, threads and memory: how many to use, and work side by side."""

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

_BYTES = (1 << 25) - (1 << 15)  # just under 32 MB, the most that glibc adapts its threshold to


def disable_heap_trimming() -> None:
    """Make glibc keep freed blocks of up to 32 MB in this process from now on.

    glibc raises its thresholds to the largest block that was ever freed (mallopt(3), M_MMAP_THRESHOLD). So
    this allocates one block and frees it untouched. With other allocators it has no effect.
    """
    bytes(_BYTES)


def release_freed_memory() -> None:
    """Release freed memory to the system, also what `disable_heap_trimming` keeps; glibc alone can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


Piece = TypeVar("Piece")
_MIN_PIECES = 2  # minimum of pieces per thread; fewer cost less than the thread


def threads() -> int:
    """Return the number of threads for numerics: OMP_NUM_THREADS if it is set, else the number of cores."""
    setting = os.environ.get("OMP_NUM_THREADS", "")
    return (
        min(available_cores(), int(setting))
        if setting.isdecimal() and int(setting) > 0
        else available_cores()
    )


def side_by_side(work: Callable[[Piece], None], pieces: Sequence[Piece]) -> None:
    """Run `work` on every piece, with numpy's overflow warnings suppressed."""

    def run(piece: Piece) -> None:
        with np.errstate(all="ignore"):  # numpy's error state is per thread
            work(piece)

    count = min(threads(), len(pieces) // _MIN_PIECES)
    if len(pieces) > 1:
        disable_heap_trimming()  # without it, threads wait for the kernel to map memory
    if count < 2:
        for piece in pieces:
            run(piece)
        return
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(run, pieces):  # iterate so that exceptions are raised here
            pass
