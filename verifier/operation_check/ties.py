"""Check subgradients at ties of a function without a formula.

At a kink, every slope between the one-sided slopes of an entry is a correct subgradient. Tied entries depend
on each other: max(x, x) grows by 1 if both arguments do, so that their gradients must sum to 1. Two entries
are tied if moving both has another effect than the sum of moving each. If the function is smooth along a
joint movement of all tied entries, the submitted gradients must sum to its slope.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array

_STEP = 2.0**-17
_RELATIVE_TOLERANCE = 1e-3  # of one-sided slopes at a smooth point, and of sums of gradients
_MOST = 16  # bound on the entries at kinks, because every pair of them is moved

Place = tuple[int, int]  # index of the argument, and flat index of the entry


def broken_ties(
    function: Callable[..., Any],
    arguments: Sequence[Array],
    upstream: Array,
    at_kinks: Mapping[int, Array],
    gradients: Mapping[int, Array],
) -> list[Place]:
    """Return the tied entries whose submitted gradients do not sum to the slope of the joint movement.

    at_kinks: boolean arrays by argument; true for entries at kinks.
    gradients: submitted gradients by argument.
    """
    kinked = [
        (place, int(entry)) for place, mask in at_kinks.items() for entry in np.flatnonzero(mask.ravel())
    ]
    if not 2 <= len(kinked) <= _MOST:
        return []

    def moved(entries: Sequence[Place], step: float) -> float | None:
        shifted = [array.astype(np.float64) for array in arguments]
        for place, entry in entries:
            shifted[place].flat[entry] += step
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(function(*shifted), dtype=np.float64)
        except Exception:  # the user's function may reject the moved arguments
            return None
        return float(np.vdot(value, upstream)) if value.shape == upstream.shape else None

    middle = moved([], 0.0)
    if middle is None:
        return []
    broken: list[Place] = []
    for group in _tied_groups(kinked, moved, middle):
        above, below = moved(group, _STEP), moved(group, -_STEP)
        if above is None or below is None:
            continue
        right, left = (above - middle) / _STEP, (middle - below) / _STEP
        submitted = [float(gradients[place].flat[entry]) for place, entry in group]
        size = max(abs(right), abs(left), sum(map(abs, submitted)))
        if abs(right - left) > _RELATIVE_TOLERANCE * size:
            continue
        if abs(sum(submitted) - 0.5 * (right + left)) > _RELATIVE_TOLERANCE * size:
            broken += group
    return broken


def _tied_groups(
    kinked: Sequence[Place], moved: Callable[[Sequence[Place], float], float | None], middle: float
) -> list[list[Place]]:
    """Return the groups of entries that are tied with each other, directly or through other entries."""
    single = {place: moved([place], _STEP) for place in kinked}
    groups = {place: {place} for place in kinked}
    for index, one in enumerate(kinked):
        for other in kinked[index + 1 :]:
            both, first, second = moved([one, other], _STEP), single[one], single[other]
            if both is None or first is None or second is None:
                continue
            size = abs(first - middle) + abs(second - middle) + abs(both - middle)
            if abs(both - first - second + middle) > _RELATIVE_TOLERANCE * size + 2.0**-46 * abs(middle):
                joined = groups[one] | groups[other]
                for place in joined:
                    groups[place] = joined
    distinct = {id(group): sorted(group) for group in groups.values() if len(group) > 1}
    return list(distinct.values())
