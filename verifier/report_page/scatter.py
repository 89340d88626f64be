"""Submitted against expected, thinned out; and the line on which a gradient lies that is off by a factor."""

import numpy as np

from reference_impl.array import Array

MOST_POINTS = 1200
DRAWN = 1e290  # numbers beyond it overflow in axes; the tables tell them
_WORST = 300  # of them, those that stay whatever they are
_ON_A_LINE = 1e-3  # of the norm: how far points may be from a line that is drawn


def chosen(rank: Array, expected: Array) -> Array:
    """Give flat indices of the worst entries and of others spread evenly over what is expected, in order."""
    count = rank.size
    if count <= MOST_POINTS:
        return np.arange(count)
    worst = np.argpartition(-rank.ravel(), _WORST)[:_WORST]
    ordered = np.argsort(expected.ravel(), kind="stable")
    spread = ordered[np.linspace(0, count - 1, MOST_POINTS - _WORST).round().astype(int)]
    return np.unique(np.concatenate([worst, spread]))


def slope(submitted: Array, expected: Array) -> float | None:
    """Give k where the submitted gradient is k times the expected one, by norm, and k is not 1."""
    told = np.isfinite(submitted) & np.isfinite(expected)
    if not told.all() or np.count_nonzero(expected) < 2:
        return None
    size, own = float(np.abs(expected).max()), float(np.abs(submitted).max())
    if own == 0:
        return None
    e, s = expected.ravel() / size, submitted.ravel() / own  # so that squares neither overflow nor vanish
    scaled = float(s @ e) / float(e @ e)
    off = float(np.linalg.norm(s - scaled * e)) / float(np.linalg.norm(s))
    with np.errstate(over="ignore"):
        factor = float(np.float64(scaled) * (own / size)) if np.isfinite(own / size) else np.inf
    if off > _ON_A_LINE or not np.isfinite(factor) or abs(factor - 1.0) <= _ON_A_LINE:
        return None
    return factor
