"""Run pieces of one computation in threads, as many as BLAS may use; numpy releases the GIL."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from verifier.memory import keep_freed_memory
from verifier.process_count import cores

Piece = TypeVar("Piece")
_MIN_PIECES = 2  # minimum of pieces per thread; fewer cost less than the thread


def threads() -> int:
    """Return the number of threads for numerics: OMP_NUM_THREADS if it is set, else the number of cores."""
    setting = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores(), int(setting)) if setting.isdecimal() and int(setting) > 0 else cores()


def side_by_side(work: Callable[[Piece], None], pieces: Sequence[Piece]) -> None:
    """Run `work` on every piece, with numpy's overflow warnings suppressed."""

    def run(piece: Piece) -> None:
        with np.errstate(all="ignore"):  # numpy's error state is per thread
            work(piece)

    count = min(threads(), len(pieces) // _MIN_PIECES)
    if len(pieces) > 1:
        keep_freed_memory()  # without it, threads wait for the kernel to map memory
    if count < 2:
        for piece in pieces:
            run(piece)
        return
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(run, pieces):  # iterate so that exceptions are raised here
            pass
