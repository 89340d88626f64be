"""A large matrix as blocks, of which each shows its worst entry: nothing wrong is lost from sight."""

from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array

MOST_ROWS, MOST_COLUMNS = 64, 96


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """rows, columns: how many entries a block has each way. worst: flat index into the matrix, by block."""

    rows: int
    columns: int
    worst: Array


def in_blocks(rank: Array) -> Blocks:
    """Cut a matrix into at most 64 × 96 blocks of one size; the last ones may be smaller."""
    height, width = rank.shape
    rows, columns = max(1, -(-height // MOST_ROWS)), max(1, -(-width // MOST_COLUMNS))
    down, across = -(-height // rows), -(-width // columns)
    # the first entry of each block is real, and argmax takes the first of equals: what pads is never taken
    padded = np.full((down * rows, across * columns), -np.inf)
    padded[:height, :width] = rank
    blocks = padded.reshape(down, rows, across, columns).swapaxes(1, 2).reshape(down, across, -1)
    within = blocks.argmax(axis=2)
    row = np.arange(down)[:, None] * rows + within // columns
    column = np.arange(across)[None, :] * columns + within % columns
    return Blocks(rows, columns, row * width + column)


def as_matrix(array: Array) -> Array:
    """Give a vector as one row, and a matrix as it is."""
    return array if array.ndim == 2 else array.reshape(1, -1)
