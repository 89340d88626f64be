"""Standard deviations made by single operations of one precision, and norms whose squares do not overflow."""

from collections.abc import Sequence
from math import frexp, inf, isfinite, ldexp, log, sqrt

import numpy as np

from reference_impl.array import Array
from verifier.precision import Precision, rounded

_SQUARES_VANISH = 1e-140  # below it, relative to the largest, a square may have underflowed
_LEAST_SUM = 1e-280  # of squares: what underflows, below 1e-307, is nothing beside it
_MODERATE = 1e120  # squares up to it: what underflows of a product with one, below 1e-187, is nothing …
_LEAST_PRODUCT = 1e-160  # … beside such a sum of products


class RoundingArithmetic:
    """What storing, summing, and textbook formulas lose in one precision."""

    def __init__(self, precision: Precision) -> None:
        self._precision = precision
        self._unit = precision.unit_roundoff
        self._underflow = precision.underflow
        self._largest = precision.largest
        # a σ(a) has size log(largest) / largest where e^{−a} overflows and σ(a) is taken for 0
        self._vanished = (1.0 + log(precision.largest)) / precision.largest

    @property
    def holds_given_numbers(self) -> bool:
        """Whether given numbers, which are float64's, need no conversion."""
        return self._precision.name == "float64"

    def converted(self, values: Array) -> Array:
        """Give the error, known exactly, of converting given numbers to the precision."""
        if self.holds_given_numbers:
            return np.zeros(values.shape)
        return np.asarray(np.abs(rounded(values, self._precision) - values))

    def stored(self, values: Array) -> Array:
        """One rounding of each value, uniform within half a unit in the last place; infinite on overflow."""
        deviation = np.abs(values)
        deviation *= self._unit / sqrt(3.0)
        deviation += self._underflow / sqrt(3.0)
        return self._infinite_on_overflow(deviation, values)

    def lost(self, units: Array) -> Array:
        """A formula that loses so many units; 1 / (1 + eˣ) vanishes once eˣ overflows."""
        return np.asarray(np.where(units > 0, self._unit * units + self._vanished, 0.0))

    def summed(self, terms: int, squares: Array, total: Array) -> Array:
        """A sum of so many products; `squares`: the root of the sum of their squares."""
        unit = self._unit / sqrt(3.0)
        deviation = np.hypot(unit * sqrt(1.0 + terms / 6.0) * squares, unit * sqrt(terms / 3.0) * total)
        deviation += sqrt(terms / 3.0) * self._underflow
        return self._infinite_on_overflow(deviation, total)

    def of_product(self, x: Array, of_x: Array, y: Array, of_y: Array, alike: float, storing: float) -> Array:
        """Give the deviation of xᵀy, summed over rows, where x and y deviate by `of_x` and `of_y`.

        alike: the share of their errors that all rows have in common. storing: how many roundings of the
        finished sum. Squares vanish only where the sum of absolute values takes their place.
        """
        unit_x, unit_y = scale_of(x), scale_of(y)
        inherits = bool(of_x.any())
        relative = max(self._unit, scale_of(of_y) / unit_y, scale_of(of_x) / unit_x if inherits else 0.0)
        rows, unit = x.shape[0], self._unit / sqrt(3.0) / relative
        each, finished = unit * sqrt(1.0 + rows / 6.0), unit * sqrt(rows / 3.0 + storing * storing)
        x, y, of_y = x / unit_x, y / unit_y, of_y / unit_y / relative
        left, right = np.abs(x), of_y
        squares_left, squares_right = x * x, of_y * of_y + np.square(each * y)
        if inherits:
            of_x, size_y = of_x / unit_x / relative, np.abs(y)
            left, right = np.vstack([left, of_x]), np.vstack([right, size_y])
            squares_left = np.vstack([squares_left, of_x * of_x])
            squares_right = np.vstack([squares_right, size_y * size_y])
        deviation = squares_left.T @ squares_right
        part = left.T @ (alike * right)
        deviation += np.multiply(part, part, out=part)
        total = np.matmul(x.T, y, out=part)
        largest = largest_of(total) * unit_x * unit_y
        overflown = None if largest <= self._largest else np.abs(total)
        np.multiply(total, finished, out=total)
        deviation += np.multiply(total, total, out=total)
        np.sqrt(deviation, out=deviation)
        if deviation.min(initial=1.0) < _SQUARES_VANISH:
            used = np.flatnonzero(left.any(axis=0) & (deviation < _SQUARES_VANISH).any(axis=1))
            size = left[:, used].T @ right + (each + finished) * (np.abs(x[:, used]).T @ np.abs(y))
            deviation[used] = np.where(deviation[used] < _SQUARES_VANISH, size, deviation[used])
        deviation *= unit_x * relative
        deviation *= unit_y
        deviation += (sqrt(rows / 3.0) + storing / sqrt(3.0)) * self._underflow
        if overflown is not None:
            deviation[~(overflown <= self._largest / unit_x / unit_y)] = np.inf
        return np.asarray(deviation)

    def _infinite_on_overflow(self, deviation: Array, values: Array) -> Array:
        # what overflows float64 is infinite, and so is its deviation already
        if self.holds_given_numbers or largest_of(values) <= self._largest:
            return np.asarray(deviation)
        return np.asarray(np.where(np.abs(values) > self._largest, np.inf, deviation))


def largest_of(values: Array) -> float:
    """Give the largest absolute value, 0 of none; NaN where there is one."""
    if not values.size:
        return 0.0
    # on small arrays an index is found in a third of the time of a maximum
    return float(max(abs(values.item(values.argmax())), abs(values.item(values.argmin()))))


def scale_of(values: Array) -> float:
    """Give a power of two near the largest finite absolute value; 1 where there is none but 0."""
    largest = largest_of(values)
    if not isfinite(largest):
        largest = largest_of(values[np.isfinite(values)])
    return ldexp(1.0, min(max(frexp(largest)[1], -1000), 1000)) if largest > 0 else 1.0


def root_of_squares(x: Array, y: Array) -> Array:
    """Give √(x² @ y²) without overflow; where squares would vanish, |x| @ |y|, which is no smaller."""
    if np.vdot(x, x) < _MODERATE and np.vdot(y, y) < _MODERATE:
        root = np.square(x) @ np.square(y)
        if _lies_between(root, _LEAST_PRODUCT, inf):
            return np.asarray(np.sqrt(root, out=root))
    if not (x.any() and y.any()):
        return np.zeros((x.shape[0], y.shape[1]))
    unit_x, unit_y = scale_of(x), scale_of(y)
    root = _squared(x, 1.0 / unit_x) @ _squared(y, 1.0 / unit_y)
    np.sqrt(root, out=root)
    if root.min() < _SQUARES_VANISH:
        root = np.where(root < _SQUARES_VANISH, np.abs(x / unit_x) @ np.abs(y / unit_y), root)
    root *= unit_x
    root *= unit_y
    return np.asarray(root)


def joined(*parts: tuple[float, Array]) -> Array:
    """Give √(Σ (factor · part)²), entry by entry, for factors of 0 or more, without overflow.

    Where squares would vanish, the sum of the absolute values, which is no smaller.
    """
    total = _sum_of_squares(parts, 1.0)
    if _lies_between(total, _LEAST_SUM, inf):
        return np.asarray(np.sqrt(total, out=total))
    unit = max(factor * scale_of(part) for factor, part in parts)
    if not 0 < unit < inf:
        unit = 1.0
    total = _sum_of_squares(parts, unit)
    np.sqrt(total, out=total)
    if total.min(initial=1.0) < _SQUARES_VANISH:
        size = sum((factor / unit * np.abs(part) for factor, part in parts), np.zeros_like(total))
        total = np.where(total < _SQUARES_VANISH, size, total)
    total *= unit
    return np.asarray(total)


def _sum_of_squares(parts: Sequence[tuple[float, Array]], unit: float) -> Array:
    total, square = _squared(parts[0][1], parts[0][0] / unit), None
    for factor, part in parts[1:]:
        square = _squared(part, factor / unit, out=square)  # one for all: fresh memory costs more than they
        total += square
    return total


def _squared(values: Array, factor: float, out: Array | None = None) -> Array:
    scaled = np.asarray(np.multiply(values, factor, out=out))
    return np.asarray(np.multiply(scaled, scaled, out=scaled))


def _lies_between(values: Array, least: float, most: float) -> bool:
    """Whether all values do; NaN does not."""
    return not values.size or (values.item(values.argmin()) > least and values.item(values.argmax()) < most)
