"""Choose the points of scatter plots (submitted against expected), and fit a line through the origin."""

import numpy as np

from reference_impl.array import Array

MOST_POINTS = 1200
DRAWN = 1e290  # larger numbers overflow in the axes; they are in the tables only
_WORST = 300  # of these, the worst entries
_ON_A_LINE = 1e-3  # largest distance of the points from the line, relative to the norm


def chosen(rank: Array, expected: Array) -> Array:
    """Return sorted flat indices of the worst entries, and of others spread over the expected values."""
    count = rank.size
    if count <= MOST_POINTS:
        return np.arange(count)
    worst = np.argpartition(-rank.ravel(), _WORST)[:_WORST]
    ordered = np.argsort(expected.ravel(), kind="stable")
    spread = ordered[np.linspace(0, count - 1, MOST_POINTS - _WORST).round().astype(int)]
    return np.unique(np.concatenate([worst, spread]))


def slope(submitted: Array, expected: Array) -> float | None:
    """Return k if the submitted gradient is about k times the expected one and k is not 1; else None."""
    is_finite = np.isfinite(submitted) & np.isfinite(expected)
    if not is_finite.all() or np.count_nonzero(expected) < 2:
        return None
    expected_size, submitted_size = float(np.abs(expected).max()), float(np.abs(submitted).max())
    if submitted_size == 0:
        return None
    e, s = (
        expected.ravel() / expected_size,
        submitted.ravel() / submitted_size,
    )  # avoids overflow and underflow of squares
    scaled = float(s @ e) / float(e @ e)
    distance = float(np.linalg.norm(s - scaled * e)) / float(np.linalg.norm(s))
    with np.errstate(over="ignore"):
        factor = (
            float(np.float64(scaled) * (submitted_size / expected_size))
            if np.isfinite(submitted_size / expected_size)
            else np.inf
        )
    if distance > _ON_A_LINE or not np.isfinite(factor) or abs(factor - 1.0) <= _ON_A_LINE:
        return None
    return factor
