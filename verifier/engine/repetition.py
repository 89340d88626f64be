"""Terms of a sum that round the same way in formats narrower than float64, and the order of its terms."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reference_impl.array import Array

_ROW_BLOCKS = 8  # blocks of rows, after each of which a partial sum is taken


@dataclass(frozen=True, slots=True, eq=False)
class Repetition:
    """√(number of terms of a sum that round the same way), a mean over its terms.

    Shape: (columns, columns), or 1 where all terms differ.
    of_sums: every term counts once, since each addition rounds.
    of_terms: terms are weighted by their squares, for the errors that the terms already have.
    """

    of_sums: Array | float
    of_terms: Array | float


def root_of_mean(counts_x: Array, weights_x: Array, counts_y: Array, weights_y: Array) -> Array:
    """Return √(number of equal terms) of each sum, a mean over its terms with these weights."""
    with np.errstate(all="ignore"):
        weighted_counts = np.minimum(
            (counts_x * weights_x).T @ weights_y, weights_x.T @ (counts_y * weights_y)
        )
        return np.asarray(np.sqrt(np.fmax(weighted_counts / (weights_x.T @ weights_y), 1.0)))


def similar_counts(values: Array, unit: float) -> Array | None:
    """Return how many numbers of its column lie within a rounding of the column's sum of each number.

    Shape: (rows, columns), as `values`; None if no numbers are that close. A running sum rounds terms the
    same way if they differ by less than its unit in the last place, which is at most 2 u Σ|values|.
    """
    window = unit * np.abs(values).sum(axis=0)
    scaled = values / np.where(window > 0, window, 1.0)
    order = np.argsort(scaled, axis=0)
    ordered = np.take_along_axis(scaled, order, axis=0)
    if not ((np.diff(ordered, axis=0) <= 1.0) & (ordered[1:] != 0)).any():
        return None
    # one ascending sequence of all columns, with a large gap between columns
    gap = 4.0 * np.abs(scaled).max() + 4.0
    keys = (ordered + gap * np.arange(values.shape[1])).T.ravel()
    counts = np.searchsorted(keys, keys + 1.0, side="right") - np.searchsorted(keys, keys - 1.0)
    similar = np.empty(values.shape)
    np.put_along_axis(similar, order, counts.reshape(values.shape[::-1]).T.astype(float), axis=0)
    return similar


def squares_of_partial_sums(x: Array, y: Array) -> Array:
    """Return Σ s² of the partial sums s of xᵀy, in the order of the rows or reversed: the larger."""
    rows = len(x)
    ends = np.unique(np.linspace(0, rows, min(rows, _ROW_BLOCKS) + 1).astype(int))
    running = np.zeros((x.shape[1], y.shape[1]))
    weighted_sum, squares = np.zeros_like(running), np.zeros_like(running)
    for start, end in pairwise(ends):
        running += x[start:end].T @ y[start:end]
        weighted_sum += (end - start) * running
        squares += (end - start) * np.square(running)
    reversed_squares = rows * np.square(running) - 2.0 * running * weighted_sum + squares
    return np.asarray(np.maximum(squares, reversed_squares))
