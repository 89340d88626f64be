"""Standard deviations made by single operations of one precision, and norms whose squares do not overflow."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import frexp, inf, isfinite, ldexp, log, sqrt

import numpy as np

from reference_impl.array import Array
from verifier.precision import Precision, rounded

DEVIATIONS = 6.0  # standard deviations that honest arithmetic may err by
_BLOCKS = 8  # of rows, between which partial sums are taken
_MOST = 1.5  # times u Σ|partial sums|: the terms' own roundings, and orders that are worse than those seen
_FEW = 8  # rows: up to so many, a random order's partial sums are as good as any
_SQUARES_VANISH = 1e-140  # below it, relative to the largest, a square may have underflowed
_LEAST_SUM = 1e-280  # of squares: what underflows, below 1e-307, is nothing beside it
_MODERATE = 1e120  # squares up to it: what underflows of a product with one, below 1e-187, is nothing …
_LEAST_PRODUCT = 1e-160  # … beside such a sum of products


class RoundingArithmetic:
    """What storing, summing, and textbook formulas lose in one precision.

    independent: whether the roundings of a sum's terms are taken for independent, in a random order. That is
    less than what structured batches lose, and quicker; float64's bounds cover them anyway.
    """

    def __init__(self, precision: Precision, independent: bool = False) -> None:
        self._precision = precision
        self._independent = independent or precision.name == "float64"
        self._unit = precision.unit_roundoff
        self._underflow = precision.underflow
        self._largest = precision.largest
        # a σ(a) has size log(largest) / largest where e^{−a} overflows and σ(a) is taken for 0
        self._vanished = (1.0 + log(precision.largest)) / precision.largest

    @property
    def independent(self) -> bool:
        """Whether the roundings of a sum's terms are taken for independent."""
        return self._independent

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

    def summed_products(
        self, x: Array, y: Array, squares: Array, total: Array, repeated: "Repetition"
    ) -> Array:
        """Return what summing xᵀy over its rows loses, of shape (columns of x, columns of y).

        squares: √(x²ᵀ y²). total: xᵀy. In formats narrower than float64 terms may be so alike that sums round
        them alike (`repetition`), and rows may be sorted, so that partial sums are larger than at random.
        """
        rows = len(x)
        if self._independent or rows < 3:
            return self.summed(rows, squares, total)
        unit, largest = self._unit / sqrt(3.0), largest_of(squares) or 1.0
        scaled_squares = np.square(squares / largest)
        partial = rows / 6.0 * scaled_squares + rows / 3.0 * np.square(total / largest)
        if rows > _FEW:
            np.maximum(partial, _squares_of_partial_sums(x, y) / largest / largest, out=partial)
        # roundings that are all alike add up to u Σ|s| at most, s the partial sums
        each = np.minimum(unit * repeated.of_sums, _MOST * self._unit / DEVIATIONS * sqrt(rows))
        deviation = largest * each * np.sqrt(scaled_squares + partial) + sqrt(rows / 3.0) * self._underflow
        return self._infinite_on_overflow(deviation, total)

    def of_product_sums(self, x: Array, y: Array) -> tuple[Array, "Repetition"]:
        """Return what summing x @ y over its inner axis loses, and how often its terms repeat."""
        repeated = self.repetition(x.T, y)
        return self.summed_products(x.T, y, root_of_squares(x, y), x @ y, repeated), repeated

    def of_row_sums(self, terms: Array, of_terms: Array) -> Array:
        """Return the deviation of sums along the last axis, whose terms deviate by `of_terms`: (rows, n)."""
        own, repeated = self.of_product_sums(terms, np.ones((terms.shape[-1], 1)))
        inherited = np.hypot.reduce(of_terms, axis=-1)[:, np.newaxis] * repeated.of_terms
        return np.asarray(np.hypot(inherited, own)[:, 0])

    def repetition(self, x: Array, y: Array) -> "Repetition":
        """Return how many terms of each sum xᵀy, summed over rows, round alike.

        Terms are alike where both factors are, so the smaller of the two columns' means bounds it.
        """
        of_y = None if self._independent or len(x) < 2 else _alike(y, self._unit)
        of_x = None if of_y is None else _alike(x, self._unit)
        if of_x is None or of_y is None:
            return Repetition(1.0, 1.0)
        there_x, there_y = (x != 0).astype(float), (y != 0).astype(float)
        return Repetition(
            _root_of_mean(of_x, there_x, of_y, there_y),
            _root_of_mean(of_x, np.square(x / scale_of(x)), of_y, np.square(y / scale_of(y))),
        )

    def twins(self, rows: Array) -> Array | None:
        """Return √(how many rows are like each), (rows,): units of the same weights err alike.

        None if there are none, or if roundings are taken for independent.
        """
        alike = None if self._independent or len(rows) < 2 else _alike(rows, self._unit)
        return None if alike is None else np.asarray(np.sqrt(alike.min(axis=1, initial=np.inf)))

    def share_alike(self, rows: Array) -> float:
        """Return √ of the share of rows that are like another, a mean over rows; 0 if none are."""
        twins = self.twins(rows)
        return 0.0 if twins is None else sqrt(float(np.mean(np.square(twins))) / len(rows))

    def repetition_of_rows(self, values: Array, places: Array, rows: int) -> Array | float:
        """Return √(how many terms round alike) where rows of `values` are added up by place.

        Shape: (rows, columns of values), or 1.
        """
        flat = values.reshape(-1, values.shape[-1])
        alike = None if self._independent or len(flat) < 3 else _alike(flat, self._unit)
        if alike is None:
            return 1.0
        totals, counts = np.zeros((2, rows, flat.shape[1]))
        np.add.at(totals, places.ravel(), alike)
        np.add.at(counts, places.ravel(), 1.0)
        most = np.minimum(totals / np.maximum(counts, 1.0), counts)  # no more than there are
        return np.asarray(np.sqrt(np.maximum(most, 1.0)))

    def of_product(self, x: Array, of_x: Array, y: Array, of_y: Array, alike: float, storing: float) -> Array:
        """Give the deviation of xᵀy, summed over rows, where x and y deviate by `of_x` and `of_y`.

        alike: the share of their errors that all rows have in common. storing: how many roundings of the
        finished sum. Squares vanish only where the sum of absolute values takes their place.
        """
        if not self._independent:
            return self._of_repeated_product(x, of_x, y, of_y, alike, storing)
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

    def _of_repeated_product(
        self, x: Array, of_x: Array, y: Array, of_y: Array, alike: float, storing: float
    ) -> Array:
        total = x.T @ y
        repeated = self.repetition(x, y)
        parts = [
            (1.0, self.summed_products(x, y, root_of_squares(x.T, y), total, repeated)),
            (1.0, repeated.of_terms * root_of_squares(x.T, of_y)),
            (storing, self.stored(total)),
        ]
        together = np.abs(x).T @ of_y
        if of_x.any():
            parts.append((1.0, repeated.of_terms * root_of_squares(of_x.T, y)))
            together += of_x.T @ np.abs(y)
        return joined(*parts, (alike, together))

    def _infinite_on_overflow(self, deviation: Array, values: Array) -> Array:
        # what overflows float64 is infinite, and so is its deviation already
        if self.holds_given_numbers or largest_of(values) <= self._largest:
            return np.asarray(deviation)
        return np.asarray(np.where(np.abs(values) > self._largest, np.inf, deviation))


@dataclass(frozen=True, slots=True, eq=False)
class Repetition:
    """√(how many terms of a sum round alike), the mean over its terms, of shape (columns, columns) or 1.

    of_sums: every term counts once, since each addition rounds. of_terms: weighed by the terms' squares, for
    the errors that terms bring along.
    """

    of_sums: Array | float
    of_terms: Array | float


def _root_of_mean(of_x: Array, weights_x: Array, of_y: Array, weights_y: Array) -> Array:
    with np.errstate(all="ignore"):
        fewest = np.minimum((of_x * weights_x).T @ weights_y, weights_x.T @ (of_y * weights_y))
        return np.asarray(np.sqrt(np.fmax(fewest / (weights_x.T @ weights_y), 1.0)))


def _alike(values: Array, unit: float) -> Array | None:
    """Return how many numbers of its column lie within a rounding of the column's sum of each; None if none.

    Shape: (rows, columns), as `values`. A running sum rounds terms alike that differ by less than its unit in
    the last place, which is at most 2 u Σ|values|.
    """
    window = unit * np.abs(values).sum(axis=0)
    scaled = values / np.where(window > 0, window, 1.0)
    order = np.argsort(scaled, axis=0)
    ordered = np.take_along_axis(scaled, order, axis=0)
    if not ((np.diff(ordered, axis=0) <= 1.0) & (ordered[1:] != 0)).any():
        return None
    # one ascending row of all columns, each far above the one before
    apart = 4.0 * np.abs(scaled).max() + 4.0
    keys = (ordered + apart * np.arange(values.shape[1])).T.ravel()
    counts = np.searchsorted(keys, keys + 1.0, side="right") - np.searchsorted(keys, keys - 1.0)
    found = np.empty(values.shape)
    np.put_along_axis(found, order, counts.reshape(values.shape[::-1]).T.astype(float), axis=0)
    return found


def _squares_of_partial_sums(x: Array, y: Array) -> Array:
    """Return Σ s², s the partial sums of xᵀy in the order of the rows, or backwards, whichever is more."""
    rows = len(x)
    ends = np.unique(np.linspace(0, rows, min(rows, _BLOCKS) + 1).astype(int))
    running = np.zeros((x.shape[1], y.shape[1]))
    first, second = np.zeros_like(running), np.zeros_like(running)
    for start, end in pairwise(ends):
        running += x[start:end].T @ y[start:end]
        first += (end - start) * running
        second += (end - start) * np.square(running)
    backwards = rows * np.square(running) - 2.0 * running * first + second
    return np.asarray(np.maximum(second, backwards))


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
