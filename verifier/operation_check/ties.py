"""Ties of a function that is known by its values alone: what its gradient must sum to along them.

Entry by entry every slope between both sides is right where a function has a kink. Entries that are tied
depend on each other: max(x, x) moves by 1 when both move, so their gradients sum to 1, however they share
it. Entries are tied where moving two of them together differs from moving each. Where a function is smooth
as a whole tie moves, the submitted gradients must sum to that slope.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array

_STEP = 2.0**-17
_ALIKE = 1e-3  # relative: slopes on both sides of a smooth point, and sums of gradients
_MOST = 16  # entries at kinks; pairs of them are moved, so that more would take long

Place = tuple[int, int]  # which argument, and the entry's place in it


def broken_ties(
    function: Callable[..., Any],
    arguments: Sequence[Array],
    upstream: Array,
    at_kinks: Mapping[int, Array],
    gradients: Mapping[int, Array],
) -> list[Place]:
    """Return the entries of ties whose submitted gradients do not sum to the slope of the whole tie.

    at_kinks: by argument, where the function has a kink. gradients: by argument, as submitted.
    """
    kinked = [
        (place, int(entry)) for place, which in at_kinks.items() for entry in np.flatnonzero(which.ravel())
    ]
    if not 2 <= len(kinked) <= _MOST:
        return []

    def moved(entries: Sequence[Place], step: float) -> float | None:
        shifted = [own.astype(np.float64) for own in arguments]
        for place, entry in entries:
            shifted[place].flat[entry] += step
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(function(*shifted), dtype=np.float64)
        except Exception:  # the function is the user's, and may not take what is moved
            return None
        return float(np.vdot(value, upstream)) if value.shape == upstream.shape else None

    middle = moved([], 0.0)
    if middle is None:
        return []
    found: list[Place] = []
    for group in _tied(kinked, moved, middle):
        above, below = moved(group, _STEP), moved(group, -_STEP)
        if above is None or below is None:
            continue
        right, left = (above - middle) / _STEP, (middle - below) / _STEP
        submitted = [float(gradients[place].flat[entry]) for place, entry in group]
        size = max(abs(right), abs(left), sum(map(abs, submitted)))
        if abs(right - left) > _ALIKE * size:
            continue
        if abs(sum(submitted) - 0.5 * (right + left)) > _ALIKE * size:
            found += group
    return found


def _tied(
    kinked: Sequence[Place], moved: Callable[[Sequence[Place], float], float | None], middle: float
) -> list[list[Place]]:
    """Return groups of entries that are tied with each other, directly or through others."""
    single = {place: moved([place], _STEP) for place in kinked}
    groups = {place: {place} for place in kinked}
    for index, one in enumerate(kinked):
        for other in kinked[index + 1 :]:
            both, first, second = moved([one, other], _STEP), single[one], single[other]
            if both is None or first is None or second is None:
                continue
            size = abs(first - middle) + abs(second - middle) + abs(both - middle)
            if abs(both - first - second + middle) > _ALIKE * size + 2.0**-46 * abs(middle):
                joined = groups[one] | groups[other]
                for place in joined:
                    groups[place] = joined
    distinct = {id(group): sorted(group) for group in groups.values() if len(group) > 1}
    return list(distinct.values())
