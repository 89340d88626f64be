"""Measure the noise of a program's numbers: the scatter that rounding adds to a smooth function.

High-order differences of a smooth function vanish at points that lie close together, and noise remains
(Hamming's difference table; Moré and Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011).
"""

from collections.abc import Callable, Sequence
from math import factorial

import numpy as np

from reference_impl.array import Array

_POINTS = 12
_ORDERS = (4, 5, 6)  # of the differences that are taken for noise
_SPACING = 2.0**-20  # of the points, relative to the arguments; 16 units of float32
_UNITS = 8.0  # spacing in units in the last place of narrower formats
_UNIT_ROUNDOFF = 2.0**-53


def typical_size(array: Array) -> Array:
    """Return a size for each entry by which steps from it are measured."""
    largest = float(np.abs(array).max(initial=0.0))
    if not 0.0 < largest < np.inf:
        return np.ones(array.shape)
    return np.asarray(np.maximum(np.abs(array), 0.125 * largest))


def measured_noise(
    function: Callable[[Sequence[Array]], Array | None],
    arguments: Sequence[Array],
    places: Sequence[int],
    unit: float = 0.0,
) -> Array | None:
    """Return the standard deviation of the noise of each number of a function; None if it is not known.

    The points lie on a line that starts beside the arguments, so that a kink at the arguments is not noise.

    function: of a sequence of arguments, to a flat array of float64, or None where it has no value.
    places: positions of the arguments that move.
    unit: the unit in the last place of the function's number format, relative to a number.
    """
    rng = np.random.default_rng(0)
    spacing = max(_SPACING, _UNITS * unit)
    steps = {
        place: spacing
        * typical_size(arguments[place])
        * rng.uniform(0.5, 1.0, arguments[place].shape)
        * rng.choice([-1.0, 1.0], arguments[place].shape)
        for place in places
    }
    rows: list[Array] = []
    for point in range(1, _POINTS + 1):
        moved = [
            array + point * steps[place] if place in steps else array for place, array in enumerate(arguments)
        ]
        value = function(moved)
        if value is None or (rows and value.shape != rows[0].shape) or not np.isfinite(value).all():
            return None
        rows.append(value)
    values = np.array(rows)
    noise = _scatter(values)
    size = np.abs(values).max(axis=0)
    varies = (values != values[0]).any(axis=0)
    # each number has at least the relative noise of most: single estimates from twelve points are uncertain
    relative = noise[varies & (size > 0)] / size[varies & (size > 0)]
    least = max(
        _UNIT_ROUNDOFF,
        0.5 * unit if relative.size == 0 else 0.0,
        float(np.median(relative)) if relative.size else 0.0,
    )
    return np.asarray(np.maximum(noise, least * size))


def _scatter(values: Array) -> Array:
    """Return the standard deviation of the noise of each column, from differences of several orders."""
    noise = np.zeros(values.shape[1])
    differences = values
    for order in range(1, max(_ORDERS) + 1):
        differences = np.diff(differences, axis=0)
        if order in _ORDERS:
            factor = factorial(order) ** 2 / factorial(2 * order)
            noise = np.maximum(noise, np.sqrt(factor * np.mean(differences**2, axis=0)))
    return noise
