"""A large matrix drawn small: no block hides what is worst in it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.exporters.page.templating import MOST_COLUMNS, MOST_ROWS, divide_into_blocks, to_matrix


@given(st.integers(1, 200), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_every_block_shows_its_worst_entry_and_every_entry_is_in_one(height, width, seed):
    rank = np.random.default_rng(seed).normal(size=(height, width))
    rank[rank < -1] = -np.inf  # what is exact
    rank[rank > 2] = np.inf  # what is not finite
    blocks = divide_into_blocks(rank)
    down, across = blocks.worst.shape
    assert down <= MOST_ROWS
    assert across <= MOST_COLUMNS
    assert down * blocks.rows >= height
    assert across * blocks.columns >= width
    for y in range(down):
        for x in range(across):
            rows = slice(y * blocks.rows, (y + 1) * blocks.rows)
            columns = slice(x * blocks.columns, (x + 1) * blocks.columns)
            row, column = divmod(int(blocks.worst[y, x]), width)
            assert rank[row, column] == rank[rows, columns].max()
            assert rows.start <= row < min(rows.stop, height)
            assert columns.start <= column < min(columns.stop, width)


@pytest.mark.parametrize(
    ("shape", "block", "cells"),
    [
        ((3, 4), (1, 1), (3, 4)),
        ((64, 96), (1, 1), (64, 96)),
        ((65, 97), (2, 2), (33, 49)),
        ((784, 128), (13, 2), (61, 64)),
        ((128, 784), (2, 9), (64, 88)),
        ((1, 10_000), (1, 105), (1, 96)),
    ],
)
def test_blocks_are_as_small_as_they_can_be(shape, block, cells):
    blocks = divide_into_blocks(np.zeros(shape))
    assert (blocks.rows, blocks.columns) == block
    assert blocks.worst.shape == cells


def test_one_wrong_number_among_a_hundred_thousand_is_seen():
    rank = np.full((784, 128), -9.0)
    rank[501, 77] = 3.0
    assert 501 * 128 + 77 in divide_into_blocks(rank).worst


@pytest.mark.parametrize(
    ("shape", "matrix"), [((5,), (1, 5)), ((1, 5), (1, 5)), ((5, 1), (5, 1)), ((), (1, 1))]
)
def test_a_bias_is_one_row_or_stands_as_it_came(shape, matrix):
    assert to_matrix(np.zeros(shape)).shape == matrix
