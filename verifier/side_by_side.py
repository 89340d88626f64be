"""Pieces of one computation on as many cores as BLAS may use; numpy lets go of Python's lock in between."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from verifier.memory import keep_freed_memory
from verifier.process_count import cores

Piece = TypeVar("Piece")
_FEWEST = 2  # pieces a thread, of which one costs more than the thread


def threads() -> int:
    """Give how many threads numerics may use: OMP_NUM_THREADS where it is set, which BLAS heeds too."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores(), int(asked)) if asked.isdecimal() and int(asked) > 0 else cores()


def side_by_side(work: Callable[[Piece], None], pieces: Sequence[Piece]) -> None:
    """Do the work on every piece. numpy stays quiet about overflow."""

    def quietly(piece: Piece) -> None:
        with np.errstate(all="ignore"):  # each thread has its own
            work(piece)

    count = min(threads(), len(pieces) // _FEWEST)
    if len(pieces) > 1:
        keep_freed_memory()  # else threads wait for the kernel, one after the other
    if count < 2:
        for piece in pieces:
            quietly(piece)
        return
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(quietly, pieces):  # which raises what a piece raised
            pass
