"""Divide a large matrix into blocks, each of which shows its worst entry."""

from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array

MOST_ROWS, MOST_COLUMNS = 64, 96


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Blocks of a matrix.

    rows, columns: the size of a block. worst: the flat index of the worst entry of each block.
    """

    rows: int
    columns: int
    worst: Array


def in_blocks(rank: Array) -> Blocks:
    """Divide a matrix into at most 64 × 96 blocks of equal size; the last ones may be smaller.

    rank: of each entry, the worst one highest.
    """
    height, width = rank.shape
    rows, columns = max(1, -(-height // MOST_ROWS)), max(1, -(-width // MOST_COLUMNS))
    block_rows, block_columns = -(-height // rows), -(-width // columns)
    # argmax returns the first of equal entries, and the first entry of a block is never padding
    padded = np.full((block_rows * rows, block_columns * columns), -np.inf)
    padded[:height, :width] = rank
    blocks = (
        padded.reshape(block_rows, rows, block_columns, columns)
        .swapaxes(1, 2)
        .reshape(block_rows, block_columns, -1)
    )
    worst_in_block = blocks.argmax(axis=2)
    row = np.arange(block_rows)[:, None] * rows + worst_in_block // columns
    column = np.arange(block_columns)[None, :] * columns + worst_in_block % columns
    return Blocks(rows, columns, row * width + column)


def as_matrix(array: Array) -> Array:
    """Return a vector as one row, and a matrix unchanged."""
    return array if array.ndim == 2 else array.reshape(1, -1)
