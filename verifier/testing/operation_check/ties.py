"""Judge tied entries at kinks together: along a joint movement the function may be smooth."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.testing.operation_check.differentiated import function_noise

_STEP = 2.0**-17  # by which tied entries move; noisy functions take larger steps
_LARGEST_STEP = 2.0**-6
_RELATIVE_TOLERANCE = 1e-3  # of one-sided slopes at a smooth point, and of sums of gradients
_MOST = 16  # bound on the entries at kinks, because every pair of them is moved

EntryIndex = tuple[int, int]  # index of the argument, and flat index of the entry


def inconsistent_ties(
    function: Callable[..., Any],
    arguments: Sequence[Array],
    upstream: Array,
    at_kinks: Mapping[int, Array],
    gradients: Mapping[int, Array],
) -> list[EntryIndex]:
    """Return the tied entries whose submitted gradients do not sum to the slope of the joint movement.

    at_kinks: boolean arrays by argument; true for entries at kinks.
    gradients: submitted gradients by argument.
    """
    kinked = [
        (place, int(entry)) for place, mask in at_kinks.items() for entry in np.flatnonzero(mask.ravel())
    ]
    if not 2 <= len(kinked) <= _MOST:
        return []

    def moved(entries: Sequence[EntryIndex], step: float) -> float | None:
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
    noise = float(np.abs(upstream.ravel()) @ function_noise(function, arguments, [*at_kinks]))
    step = max(_STEP, min(_LARGEST_STEP, noise**0.5))
    broken: list[EntryIndex] = []
    for group in _tied_groups(kinked, moved, middle, step, noise):
        above, below = moved(group, step), moved(group, -step)
        if above is None or below is None:
            continue
        right, left = (above - middle) / step, (middle - below) / step
        submitted = [float(gradients[place].flat[entry]) for place, entry in group]
        size = max(abs(right), abs(left), sum(map(abs, submitted)))
        tolerance = _RELATIVE_TOLERANCE * size + 4.0 * noise / step
        if abs(right - left) > tolerance:
            continue
        if abs(sum(submitted) - 0.5 * (right + left)) > tolerance:
            broken += group
    return broken


def _tied_groups(
    kinked: Sequence[EntryIndex],
    moved: Callable[[Sequence[EntryIndex], float], float | None],
    middle: float,
    step: float,
    noise: float,
) -> list[list[EntryIndex]]:
    """Return the groups of entries that are tied with each other, directly or through other entries."""
    single = {place: moved([place], step) for place in kinked}
    groups = {place: {place} for place in kinked}
    for index, one in enumerate(kinked):
        for other in kinked[index + 1 :]:
            both, first, second = moved([one, other], step), single[one], single[other]
            if both is None or first is None or second is None:
                continue
            size = abs(first - middle) + abs(second - middle) + abs(both - middle)
            if abs(both - first - second + middle) > _RELATIVE_TOLERANCE * size + 4.0 * noise:
                joined = groups[one] | groups[other]
                for place in joined:
                    groups[place] = joined
    distinct = {id(group): sorted(group) for group in groups.values() if len(group) > 1}
    return list(distinct.values())
