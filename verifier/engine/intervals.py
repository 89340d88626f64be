"""Midpoint-radius intervals: sums, products and lazy matrix products (functions: `interval_functions.py`).

For wide networks there is `sharp_factors`, whose enclosure does not widen with the number of terms. Every row
of A and every column of B is split into leading bits and a rest. The leading bits are few enough for their
product to be exact in any order of summation: multiples of one power of two, below 2⁵³ times it. Only
products with the rests, 2⁻ᵇ as large, are rounded. Source: Ozaki, Ogita, Oishi & Rump, Numerical Algorithms
59 (2012), 95-118, with two slices.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log2, prod
from types import EllipsisType

import numpy as np

from reference_impl.array import Array
from verifier.engine.arithmetic import Numbers, largest_shares
from verifier.problem.graph import Shape

UNIT = 2.0**-53
SMALLEST = 2.0**-1074
UNDERFLOW = 2.0**-1020  # error of an exponential that leaves the normal numbers
FACTOR_ERROR = 2.0**-51  # relative error of a factor and a divisor: up to three roundings
_ZERO = bytes(8)  # 0.0, read-only; zeros of every shape are views of it


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Intervals middle ± radius, entry by entry, in one shape. NaN or infinity in either: unknown."""

    middle: Array
    radius: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape."""
        return tuple(self.middle.shape)

    def rows(self, which: slice | EllipsisType) -> "Interval":
        """Return some rows."""
        return Interval(self.middle[which], self.radius[which])

    @property
    def is_exact(self) -> bool:
        """True if every radius is 0. A radius broadcast from one number, as in `exact`, is read once."""
        is_broadcast = self.radius.size > 0 and not any(self.radius.strides)
        return not (self.radius.item(0) if is_broadcast else np.count_nonzero(self.radius))

    @property
    def ends(self) -> tuple[Array, Array]:
        """Return a lower and an upper bound of the values."""
        lower, upper = self.middle - self.radius, self.middle + self.radius
        return np.asarray(np.nextafter(lower, -np.inf)), np.asarray(np.nextafter(upper, np.inf))

    @property
    def magnitude(self) -> Array:
        """Return an upper bound of the absolute values."""
        return np.asarray(np.nextafter(np.abs(self.middle) + self.radius, np.inf))


def exact(values: Array) -> Interval:
    """Return intervals of radius 0 around the values. The radius takes no memory, whatever its shape."""
    return Interval(values, _zeros(np.shape(values)))


@lru_cache(maxsize=1024)
def _zeros(shape: Shape) -> Array:
    return np.ndarray(shape, buffer=_ZERO, strides=(0,) * len(shape))


def inflated(radius: Array, terms: int = 1) -> Array:
    """Round a computed radius up; it must be a sum of at most `terms` products of non-negative numbers."""
    return np.asarray(radius * (1.0 + (2 * terms + 16) * UNIT) + (terms + 4) * SMALLEST)


def _gamma(terms: int) -> float:
    return terms * UNIT / (1.0 - terms * UNIT) * (1.0 + 4 * UNIT)


def roundoff(gamma: float, size: Array) -> Array:
    """Return gamma · size, never 0 where size is not: a later factor may be huge."""
    return np.asarray(gamma * size + np.minimum(size, SMALLEST))


def plus(x: Interval, y: Interval) -> Interval:
    """Return an enclosure of x + y."""
    middle = x.middle + y.middle
    return Interval(middle, inflated(x.radius + y.radius + UNIT * np.abs(middle)))


def minus(x: Interval, y: Interval) -> Interval:
    """Return an enclosure of x − y."""
    return plus(x, Interval(-y.middle, y.radius))


def times(x: Interval, y: Interval) -> Interval:
    """Return an enclosure of x · y."""
    middle = x.middle * y.middle
    radius = np.abs(x.middle) * y.radius + x.radius * (np.abs(y.middle) + y.radius) + UNIT * np.abs(middle)
    return Interval(middle, inflated(radius, 2))


def wide_times(x: Interval, y: Interval) -> Interval:
    """Return an enclosure of x · y by the ends; sharper than `times` for radii as large as the numbers."""
    ends = [a * b for a in x.ends for b in y.ends]
    low, high = np.minimum.reduce(ends), np.maximum.reduce(ends)
    middle = 0.5 * low + 0.5 * high
    radius = np.maximum(high - middle, middle - low) + 4 * UNIT * (np.abs(low) + np.abs(high))
    return Interval(middle, inflated(radius, 2))


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """A lazy matrix product: the sum of the products in `middle` ± the inflated product in `radius`.

    middle, radius: pairs of matrices to multiply. terms: number of terms of all sums in `radius`.
    added: units of roundoff lost by summing several products in `middle`.
    """

    middle: tuple[tuple[Array, Array], ...]
    radius: tuple[Array, Array]
    terms: int
    added: float = 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape."""
        left, right = self.middle[0]
        return len(left), right.shape[1]

    def rows(self, which: slice | EllipsisType) -> Interval:
        """Return some rows of the product."""
        left, right = self.middle[0]
        middle = left[which] @ right
        for left, right in self.middle[1:]:
            middle += left[which] @ right
        left, right = self.radius
        radius = left[which] @ right
        if self.added:
            radius += self.added * UNIT * np.abs(middle)
        radius *= 1.0 + (2 * self.terms + 24) * UNIT  # as `inflated`, but in place
        radius += (self.terms + 8) * SMALLEST
        return Interval(middle, radius)


def factors(x: Interval, y: Interval) -> Factors:
    """Return the lazy product of matrices, x of shape (m, n) and y of shape (n, k)."""
    terms = x.middle.shape[1]
    gamma = _gamma(terms)
    size_x, size_y = np.abs(x.middle), np.abs(y.middle)
    if y.is_exact:
        return Factors(((x.middle, y.middle),), (x.radius + roundoff(gamma, size_x), size_y), 2 * terms)
    y_error = y.radius + roundoff(gamma, size_y)
    if x.is_exact:
        return Factors(((x.middle, y.middle),), (size_x, y_error), 2 * terms)
    # as one product, r the radii
    left = np.concatenate([x.radius, size_x], axis=1)
    right = np.concatenate([size_y + y.radius, y_error])
    return Factors(((x.middle, y.middle),), (left, right), 2 * terms)


Product = Callable[[Interval, Interval], Factors]
"""`factors`, or `sharp_factors`, which is slower and widens less."""


def transpose(x: Interval) -> Interval:
    """Return the transposed matrix."""
    return Interval(x.middle.T, x.radius.T)


def matmul(x: Interval, y: Interval) -> Interval:
    """Return the product of matrices, x of shape (m, n) and y of shape (n, k)."""
    return factors(x, y).rows(slice(None))


def matmul_of_stacks(x: Interval, y: Interval) -> Interval:
    """Return the product of stacks of matrices, whose leading axes broadcast."""
    terms = x.middle.shape[-1]
    size_x, size_y = np.abs(x.middle), np.abs(y.middle)
    y_error = y.radius + roundoff(_gamma(terms), size_y)
    radius = x.radius @ (size_y + y.radius) + size_x @ y_error
    return Interval(x.middle @ y.middle, inflated(radius, 2 * terms + 2))


def total(x: Interval, axis: int, keepdims: bool = False) -> Interval:
    """Return the sum along an axis."""
    terms = x.middle.shape[axis]
    radius = (x.radius + _gamma(terms) * np.abs(x.middle)).sum(axis=axis, keepdims=keepdims)
    return Interval(x.middle.sum(axis=axis, keepdims=keepdims), inflated(radius, terms))


def quotient(numerator: Array, x: Interval) -> Interval:
    """Return numerator / x, for numerators rounded once; 0 / x is 0, and unknown where x may be 0."""
    middle = numerator / x.middle
    nearest_zero = np.nextafter(np.abs(x.middle) - x.radius, -np.inf)
    radius = np.abs(middle) * (x.radius / nearest_zero + 4 * UNIT)
    radius = np.where(nearest_zero > 0, inflated(radius, 4), np.inf)
    is_zero = numerator == 0
    return Interval(np.where(is_zero, 0.0, middle), np.where(is_zero, 0.0, radius))


def negative(x: Interval) -> Interval:
    """Return an enclosure of −x."""
    return Interval(-x.middle, x.radius)


def complement(x: Interval) -> Interval:
    """Return an enclosure of 1 − x."""
    return minus(exact(x.middle * 0.0 + 1.0), x)


def enclose_piecewise_monotone(
    x: Interval,
    ends: tuple[Array, Array] | None,
    function: Callable[[Array], Array],
    accuracy: Callable[[Array, Array], Array] | None,
    turning_points: tuple[float, ...],
    elementary: bool,
) -> Interval:
    """Return an enclosure of a function that is monotone between its turning points.

    ends: those of the interval where the formula holds, None for those of x.
    accuracy: (points, values) -> the error of an evaluation; None if it is exact.
    elementary: True if exponentials are computed.
    """
    lower, upper = x.ends if ends is None else ends
    # all points in one call: on small arrays a call costs more than its arithmetic
    points = np.empty((3 + len(turning_points), *x.middle.shape))
    points[0], points[1], points[2] = x.middle, lower, upper
    # a turning point outside is replaced by the end; g is flat in its last place there
    for index, point in enumerate(turning_points, start=3):
        points[index] = np.minimum(np.maximum(lower, point), upper)
    values = function(points)
    middle = values[0]
    distances = np.abs(values[1:] - middle)
    if accuracy is None:
        return Interval(middle, inflated(np.maximum.reduce(distances, axis=0), 2))
    errors = accuracy(points, values) * UNIT + (UNDERFLOW if elementary else 0.0)
    distances += errors[1:]
    return Interval(middle, inflated(np.maximum.reduce(distances, axis=0) + errors[0], 2))


def enclose_by_steepness(
    x: Interval,
    steepness: float,
    function: Callable[[Array], Array],
    accuracy: Callable[[Array, Array], Array] | None,
) -> Interval:
    """Return an enclosure of a function that moves at most `steepness` times as far as its operand."""
    middle = function(x.middle)
    error = 0.0 if accuracy is None else accuracy(x.middle, middle) * UNIT + SMALLEST
    return Interval(middle, inflated(steepness * x.radius + error, 2))


_EXTREME = 400  # larger exponents might leave float64's range within a product


def sharp_factors(x: Interval, y: Interval) -> Factors:
    """Return the lazy product of x, (m, n), and y, (n, k); for extreme numbers as `factors` does."""
    terms = x.middle.shape[1]
    bits = (53 - ceil(log2(max(terms, 2)))) // 2
    rows = _exponents(x.middle, axis=1)
    columns = _exponents(y.middle, axis=0)
    if rows is None or columns is None:
        return factors(x, y)
    x_leading, x_rest = _split(x.middle, rows, bits)
    y_leading, y_rest = _split(y.middle, columns, bits)
    left, right = np.hstack([x_leading, x_rest]), np.vstack([y_rest, y.middle])
    middle = (x_leading, y_leading), (left, right)
    gamma = (2 * terms + 1) * UNIT / (1.0 - (2 * terms + 1) * UNIT)
    # rounding affects |leading| |rest| + |rest| |B|
    rounding_error, factor = roundoff(gamma * (1.0 + 4 * UNIT), np.abs(left)), np.abs(right)
    if not (x.is_exact and y.is_exact):
        size_y = np.abs(y.middle)
        rounding_error = np.hstack([rounding_error, x.radius, np.abs(x.middle)])
        factor = np.vstack([factor, size_y + y.radius, y.radius])
    return Factors(middle, (rounding_error, factor), 4 * terms, added=1.0)


def _exponents(values: Array, axis: int) -> Array | None:
    """Return e with |values| < 2ᵉ along an axis, which is kept; None if some are extreme or not finite."""
    largest = np.abs(values).max(axis=axis, keepdims=True, initial=0.0)
    if not np.isfinite(largest).all():
        return None
    exponents = np.where(largest > 0, np.frexp(largest)[1], 0)
    return None if (np.abs(exponents) > _EXTREME).any() else np.asarray(exponents)


def _split(values: Array, exponents: Array, bits: int) -> tuple[Array, Array]:
    """Return the multiples of 2^(e − bits) nearest to the values, and the exact rests."""
    shift = np.ldexp(0.75, exponents + 53 - bits)
    leading = (values + shift) - shift
    return leading, values - leading


class IntervalNumbers(Numbers):
    """Evaluate sums and products with enclosures of the results.

    product: returns the lazy product of two matrices: `factors`, or `sharp_factors`, slower and sharper.
    """

    def __init__(self, product: Product = factors) -> None:
        self._product = product

    constant = staticmethod(exact)
    plus = staticmethod(plus)
    negative = staticmethod(negative)
    times = staticmethod(times)

    def constants(self, arrays: Iterable[tuple[str, Array]]) -> dict[str, Interval]:
        return {name: exact(array) for name, array in arrays}

    def shape(self, x: Interval | Factors) -> Shape:
        return x.shape if isinstance(x, Factors) else x.middle.shape

    def whole(self, x: Interval | Factors) -> Interval:
        return x.rows(...) if isinstance(x, Factors) else x

    def divided(self, x: Interval, y: Interval) -> Interval:
        return times(x, quotient(np.ones_like(y.middle), y))

    def scaled(self, x: Interval, factor: float, divisor: int = 1) -> Interval:
        quotient = factor / divisor
        exact = divisor & (divisor - 1) == 0  # division by a power of two is exact
        error = 0.0 if exact else abs(quotient) * FACTOR_ERROR
        return times(x, Interval(np.asarray(quotient), np.asarray(error)))

    def matmul(self, x: Interval, y: Interval) -> Interval:
        if x.middle.ndim == 2 and y.middle.ndim == 2:
            return self._product(x, y).rows(...)
        return matmul_of_stacks(x, y)

    def affine(self, x: Interval, w: Interval, b: Interval | None = None) -> Interval:
        product = self._product(x, w).rows(...)
        return product if b is None else plus(product, b)

    def affine_vjp(
        self, x: Interval, w: Interval, u: Interval, *, of_x: bool = True, with_bias: bool = True
    ) -> tuple[Interval | Factors | None, ...]:
        by_x = self._product(u, transpose(w)).rows(...) if of_x else None
        by_w = self._product(transpose(x), u)
        return (by_x, by_w, total(u, axis=0)) if with_bias else (by_x, by_w)

    def total(self, x: Interval, axes: tuple[int, ...], keepdims: bool = False) -> Interval:
        if not axes:
            return x
        rank = x.middle.ndim
        kept = [axis for axis in range(-rank, 0) if axis not in axes]
        terms = prod(x.middle.shape[axis] for axis in axes)
        shape = (*(x.middle.shape[axis] for axis in kept), terms)
        rows = self.move(lambda part: part.transpose(*kept, *axes).reshape(shape), x)
        sums = total(rows, axis=-1)
        return self.move(lambda part: np.expand_dims(part, axes), sums) if keepdims else sums

    def move(self, function: Callable[..., Array], *x: Interval) -> Interval:
        middle = function(*(interval.middle for interval in x))
        return Interval(np.asarray(middle), np.asarray(function(*(interval.radius for interval in x))))

    def gathered(self, u: Interval, places: Array, rows: int) -> Interval:
        middle, magnitude, radius, count = (np.zeros((rows, u.middle.shape[-1])) for _ in range(4))
        np.add.at(middle, places, u.middle)
        np.add.at(magnitude, places, np.abs(u.middle))
        np.add.at(radius, places, u.radius)
        np.add.at(count, places, np.ones_like(u.middle))
        largest_count = int(count.max(initial=1.0))
        return Interval(middle, inflated(radius + 2.0 * largest_count * UNIT * magnitude, largest_count))

    def maximum(self, x: Interval, axes: tuple[int, ...], keepdims: bool) -> Interval:
        # the maximum moves no farther than the entries
        return self.move(lambda part: part.max(axis=axes, keepdims=keepdims), x)

    def maximum_vjp(self, x: Interval, u: Interval, axes: tuple[int, ...], kinks: Array | None) -> Interval:
        shares = largest_shares(x.middle, axes)
        share = Interval(shares, np.where((shares == 0) | (shares == 1), 0.0, shares * 2 * UNIT))
        if kinks is None:
            return times(u, share)
        any_share = Interval(np.where(kinks, 0.5, shares), np.where(kinks, 0.5, share.radius))
        return wide_times(u, any_share)
