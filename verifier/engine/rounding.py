"""Rounding errors of single operations in one precision, and norms whose squares do not overflow.

Errors are standard deviations, to first order.
"""

from collections.abc import Sequence
from math import frexp, inf, isfinite, ldexp, log, sqrt

import numpy as np

from reference_impl.activations import Activation, Kink
from reference_impl.array import Array
from reference_impl.losses import Terms
from verifier.engine.functions.loss_properties import loss_properties
from verifier.engine.functions.numerical_properties import numerical_properties
from verifier.engine.repetition import Repetition, root_of_mean, similar_counts, squares_of_partial_sums
from verifier.problem.precision import Precision, round_to_precision

DEVIATIONS = 6.0  # allowed rounding error, in standard deviations
_PARTIAL_SUMS_FACTOR = 1.5  # times u Σ|partial sums|: covers the terms' roundings and worse orders
_FEW_ROWS = 8  # rows, up to which the partial sums of a random order are good enough
_SQUARES_UNDERFLOW = 1e-140  # relative to the largest entry; a smaller square may have underflowed
_MIN_SUM = 1e-280  # of a sum of squares: terms that underflow, below 1e-307, are negligible beside it
_MAX_SQUARES = 1e120  # of a sum of squares: products with it that underflow, below 1e-187, …
_MIN_PRODUCT = 1e-160  # … are negligible beside a sum of products of this size


class RoundingArithmetic:
    """Rounding errors of storing, summing and textbook formulas in one precision.

    independent: treat the roundings of a sum's terms as independent and in a random order. This is faster and
    gives smaller errors than structured batches have; the bounds of float64 cover them anyway.
    holds_float64: True if the numbers of the problem, which are float64, need no conversion.
    """

    def __init__(self, precision: Precision, independent: bool = False) -> None:
        self._precision = precision
        self.holds_float64 = precision.name == "float64"
        self.independent = independent or self.holds_float64
        self._unit = precision.unit_roundoff
        self._underflow = precision.underflow
        self._largest = precision.largest
        # a σ(a) is about log(largest) / largest where e^{−a} overflows and σ(a) becomes 0
        self._vanished = (1.0 + log(precision.largest)) / precision.largest

    def converted(self, values: Array) -> Array:
        """Return the exact error of converting float64 numbers to the precision."""
        if self.holds_float64:
            return np.zeros(values.shape)
        return np.asarray(np.abs(round_to_precision(values, self._precision) - values))

    def stored(self, values: Array) -> Array:
        """Return the error of one rounding, uniform within half a unit in the last place; inf on overflow."""
        deviation = np.abs(values)
        deviation *= self._unit / sqrt(3.0)
        deviation += self._underflow / sqrt(3.0)
        return self._infinite_on_overflow(deviation, values)

    def formula_error(self, units: Array) -> Array:
        """Return the error of a formula that loses `units` of roundoff."""
        # 1 / (1 + eˣ) vanishes once eˣ overflows
        return np.asarray(np.where(units > 0, self._unit * units + self._vanished, 0.0))

    def summed(self, terms: int, squares: Array, total: Array) -> Array:
        """Return the error of a sum of `terms` products.

        squares: the square root of the sum of their squares. total: the sum.
        """
        unit = self._unit / sqrt(3.0)
        deviation = np.hypot(unit * sqrt(1.0 + terms / 6.0) * squares, unit * sqrt(terms / 3.0) * total)
        deviation += sqrt(terms / 3.0) * self._underflow
        return self._infinite_on_overflow(deviation, total)

    def summed_products(
        self, x: Array, y: Array, squares: Array, total: Array, repetition: Repetition
    ) -> Array:
        """Return the error of summing xᵀy over its rows, of shape (columns of x, columns of y).

        squares: √(x²ᵀ y²). total: xᵀy. In formats narrower than float64, terms may be so similar that sums
        round them the same way (`repetition`), and sorted rows have larger partial sums than rows in random
        order.
        """
        rows = len(x)
        if self.independent or rows < 3:
            return self.summed(rows, squares, total)
        unit, largest = self._unit / sqrt(3.0), largest_of(squares) or 1.0
        scaled_squares = np.square(squares / largest)
        partial_sums = rows / 6.0 * scaled_squares + rows / 3.0 * np.square(total / largest)
        if rows > _FEW_ROWS:
            np.maximum(partial_sums, squares_of_partial_sums(x, y) / largest / largest, out=partial_sums)
        # equal roundings add up to at most u Σ|s|, where s are the partial sums
        per_term = np.minimum(
            unit * repetition.of_sums, _PARTIAL_SUMS_FACTOR * self._unit / DEVIATIONS * sqrt(rows)
        )
        deviation = (
            largest * per_term * np.sqrt(scaled_squares + partial_sums) + sqrt(rows / 3.0) * self._underflow
        )
        return self._infinite_on_overflow(deviation, total)

    def of_product_sums(self, x: Array, y: Array) -> tuple[Array, Repetition]:
        """Return the error of summing x @ y over its inner axis, and the repetition of its terms."""
        repetition = self.repetition(x.T, y)
        return self.summed_products(x.T, y, root_of_squares(x, y), x @ y, repetition), repetition

    def of_row_sums(self, terms: Array, deviations: Array) -> Array:
        """Return the deviation of the sums of `terms`, (rows, n), over their last axis.

        deviations: those of the terms.
        """
        sum_error, repetition = self.of_product_sums(terms, np.ones((terms.shape[-1], 1)))
        term_error = np.hypot.reduce(deviations, axis=-1)[:, np.newaxis] * repetition.of_terms
        return np.asarray(np.hypot(term_error, sum_error)[:, 0])

    def of_affine(
        self,
        x: Array,
        x_deviation: Array | None,
        weight: Array,
        result: Array,
        bias: Array | None = None,
        twin_rows: Array | None = None,
    ) -> Array:
        """Return the deviation of `result` = x W + b, for that of x; None if x is exact.

        twin_rows: rows of numbers by unit of x; units with equal rows have equal errors.
        """
        repetition = self.repetition(x.T, weight)
        terms, factors = x, weight
        if bias is not None:
            terms, factors = with_ones(x), np.concatenate([weight, bias.reshape(1, -1)])
        squares = root_of_squares(terms, factors)
        deviation = self.summed_products(terms.T, factors, squares, result, repetition)
        if x_deviation is not None:
            operand_error = repetition.of_terms * root_of_squares(x_deviation, weight)
            twins = None if twin_rows is None else self.twins(twin_rows)
            if twins is not None:
                operand_error = np.maximum(operand_error, root_of_squares(x_deviation * twins, weight))
            deviation = np.hypot(deviation, operand_error)
        if not self.holds_float64:
            weight_error = repetition.of_terms * root_of_squares(x, self.converted(weight))
            deviation = np.hypot(deviation, weight_error)
            if bias is not None:
                deviation = np.hypot(deviation, self.converted(bias))
        return deviation

    def of_function(self, function: Activation, a: Array, a_deviation: Array) -> Array:
        """Return the deviation of g(a) for that of a, without the rounding of the result."""
        if function.name == "identity":
            return a_deviation
        unit, properties = scale_of(a_deviation), numerical_properties(function)
        deviation = np.sqrt(properties.value_variance(a, np.square(a_deviation / unit))) * unit
        for kink in function.kinks:  # rounding may move a to either side of the kink
            steepest = max(abs(kink.left), abs(kink.right)) * a_deviation
            deviation = np.where(near(kink, a, a_deviation), np.maximum(deviation, steepest), deviation)
        deviation = np.hypot(deviation, self.formula_error(properties.value_roundoff(a)))
        if properties.library_error is not None:
            deviation = np.hypot(deviation, properties.library_error(a))
        return np.asarray(deviation)

    def of_activation(
        self, function: Activation, a: Array, a_deviation: Array, z: Array, mask: Array | None = None
    ) -> Array:
        """Return the deviation of z = g(a), times a mask or None, rounded once."""
        deviation = self.of_function(function, a, a_deviation)
        return self.rounded(deviation if mask is None else deviation * np.abs(mask), z)

    def rounded(self, deviation: Array, values: Array) -> Array:
        """Return the deviation after one more rounding of the values."""
        return np.asarray(np.hypot(deviation, self.stored(values)))

    def of_vjp(
        self, function: Activation, a: Array, a_deviation: Array, upstream: Array, upstream_deviation: Array
    ) -> Array:
        """Return the deviation of the vector-Jacobian product of g(a), without its own rounding."""
        properties = numerical_properties(function)
        unit = max(scale_of(upstream), scale_of(upstream_deviation))
        scaled = upstream / unit
        spread = properties.vjp_variance(
            a, scaled, np.square(upstream_deviation / unit), np.square(a_deviation)
        )
        formula_error = self.formula_error(properties.vjp_roundoff(a, scaled))
        if properties.derivative_library_error is not None:
            library_error = np.abs(scaled) * properties.derivative_library_error(a)
            formula_error = np.hypot(formula_error, library_error)
        return np.asarray(np.hypot(np.sqrt(spread), formula_error) * unit)

    def of_losses(self, terms: Terms, f: Array, f_deviation: Array, y: Array, values: Array) -> Array:
        """Return the deviation of each row's loss, whose terms are `values`, for that of the outputs f."""
        return self.of_row_sums(values, self.of_terms(terms, f, f_deviation, y, values))

    def of_terms(self, terms: Terms, f: Array, f_deviation: Array, y: Array, values: Array) -> Array:
        """Return the deviations of a loss's terms, `values`, for that of the outputs f."""
        formula_error = self.formula_error(loss_properties(terms).value_roundoff(f, y, values))
        return np.asarray(np.hypot(terms.gradient(f, y) * f_deviation, formula_error))

    def of_loss_gradient(self, terms: Terms, f: Array, f_deviation: Array, y: Array) -> tuple[Array, Array]:
        """Return the deviation of a loss's gradient for that of the outputs f, and that of its formula."""
        properties, unit = loss_properties(terms), scale_of(f_deviation)
        spread = np.sqrt(properties.gradient_variance(f, y, np.square(f_deviation / unit))) * unit
        return spread, self.formula_error(properties.gradient_roundoff(f, y))

    def repetition(self, x: Array, y: Array) -> Repetition:
        """Return how many terms of each sum xᵀy over rows round the same way.

        Terms are equal where both factors are, so the smaller mean of the two columns bounds their number.
        """
        counts_y = None if self.independent or len(x) < 2 else similar_counts(y, self._unit)
        counts_x = None if counts_y is None else similar_counts(x, self._unit)
        if counts_x is None or counts_y is None:
            return Repetition(1.0, 1.0)
        nonzero_x, nonzero_y = (x != 0).astype(float), (y != 0).astype(float)
        return Repetition(
            root_of_mean(counts_x, nonzero_x, counts_y, nonzero_y),
            root_of_mean(counts_x, np.square(x / scale_of(x)), counts_y, np.square(y / scale_of(y))),
        )

    def twins(self, rows: Array) -> Array | None:
        """Return √(number of rows equal to each row), (rows,): units with equal weights have equal errors.

        None if no rows are equal, or if roundings are treated as independent.
        """
        counts = None if self.independent or len(rows) < 2 else similar_counts(rows, self._unit)
        return None if counts is None else np.asarray(np.sqrt(counts.min(axis=1, initial=np.inf)))

    def share_alike(self, rows: Array) -> float:
        """Return √(share of rows equal to a row), a mean over rows; 0 if no rows are equal."""
        twins = self.twins(rows)
        return 0.0 if twins is None else sqrt(float(np.mean(np.square(twins))) / len(rows))

    def repetition_of_rows(self, values: Array, places: Array, rows: int) -> Array | float:
        """Return √(number of terms that round the same way) where rows of `values` are summed by place.

        Shape: (rows, columns of values), or 1.
        """
        flat = values.reshape(-1, values.shape[-1])
        similar = None if self.independent or len(flat) < 3 else similar_counts(flat, self._unit)
        if similar is None:
            return 1.0
        totals, counts = np.zeros((2, rows, flat.shape[1]))
        np.add.at(totals, places.ravel(), similar)
        np.add.at(counts, places.ravel(), 1.0)
        means = np.minimum(totals / np.maximum(counts, 1.0), counts)  # at most the number of terms
        return np.asarray(np.sqrt(np.maximum(means, 1.0)))

    def of_product(
        self, x: Array, std_x: Array, y: Array, std_y: Array, alike: float, storing: float
    ) -> Array:
        """Return the deviation of xᵀy, summed over rows, with deviations `std_x` of x and `std_y` of y.

        alike: the share of their errors that all rows have in common. storing: number of roundings of the
        finished sum. Where squares underflow, the sum of absolute values takes their place.
        """
        if not self.independent:
            return self._repeated_product_deviation(x, std_x, y, std_y, alike, storing)
        unit_x, unit_y = scale_of(x), scale_of(y)
        x_deviates = bool(std_x.any())
        relative_x = scale_of(std_x) / unit_x if x_deviates else 0.0
        relative = max(self._unit, scale_of(std_y) / unit_y, relative_x)
        rows, unit = x.shape[0], self._unit / sqrt(3.0) / relative
        per_term, per_sum = (
            unit * sqrt(1.0 + rows / 6.0),
            unit * sqrt(rows / 3.0 + storing * storing),
        )
        x, y, std_y = x / unit_x, y / unit_y, std_y / unit_y / relative
        left, right = np.abs(x), std_y
        squares_left, squares_right = x * x, std_y * std_y + np.square(per_term * y)
        if x_deviates:
            std_x, size_y = std_x / unit_x / relative, np.abs(y)
            left, right = np.vstack([left, std_x]), np.vstack([right, size_y])
            squares_left = np.vstack([squares_left, std_x * std_x])
            squares_right = np.vstack([squares_right, size_y * size_y])
        deviation = squares_left.T @ squares_right
        buffer = left.T @ (alike * right)
        deviation += np.multiply(buffer, buffer, out=buffer)
        total = np.matmul(x.T, y, out=buffer)
        largest = largest_of(total) * unit_x * unit_y
        magnitudes = None if largest <= self._largest else np.abs(total)
        np.multiply(total, per_sum, out=total)
        deviation += np.multiply(total, total, out=total)
        np.sqrt(deviation, out=deviation)
        if deviation.min(initial=1.0) < _SQUARES_UNDERFLOW:
            columns = np.flatnonzero(left.any(axis=0) & (deviation < _SQUARES_UNDERFLOW).any(axis=1))
            size = left[:, columns].T @ right + (per_term + per_sum) * (np.abs(x[:, columns]).T @ np.abs(y))
            deviation[columns] = np.where(deviation[columns] < _SQUARES_UNDERFLOW, size, deviation[columns])
        deviation *= unit_x * relative
        deviation *= unit_y
        deviation += (sqrt(rows / 3.0) + storing / sqrt(3.0)) * self._underflow
        if magnitudes is not None:
            deviation[~(magnitudes <= self._largest / unit_x / unit_y)] = np.inf
        return np.asarray(deviation)

    def _repeated_product_deviation(
        self, x: Array, std_x: Array, y: Array, std_y: Array, alike: float, storing: float
    ) -> Array:
        total = x.T @ y
        repetition = self.repetition(x, y)
        parts = [
            (1.0, self.summed_products(x, y, root_of_squares(x.T, y), total, repetition)),
            (1.0, repetition.of_terms * root_of_squares(x.T, std_y)),
            (storing, self.stored(total)),
        ]
        common = np.abs(x).T @ std_y
        if std_x.any():
            parts.append((1.0, repetition.of_terms * root_of_squares(std_x.T, y)))
            common += std_x.T @ np.abs(y)
        return joined(*parts, (alike, common))

    def _infinite_on_overflow(self, deviation: Array, values: Array) -> Array:
        # a value that overflows float64 has an infinite deviation already
        if self.holds_float64 or largest_of(values) <= self._largest:
            return np.asarray(deviation)
        return np.asarray(np.where(np.abs(values) > self._largest, np.inf, deviation))


def near(kink: Kink, a: Array, deviation: Array) -> Array:
    """True where a lies within `DEVIATIONS` standard deviations of a kink."""
    return np.asarray(np.abs(a - kink.at) <= DEVIATIONS * deviation)


def with_ones(z: Array) -> Array:
    """Return z with a last column of ones, which multiplies the bias."""
    extended = np.empty((len(z), z.shape[1] + 1))
    extended[:, :-1], extended[:, -1] = z, 1.0
    return extended


def largest_of(values: Array) -> float:
    """Return the largest absolute value, 0 for an empty array; NaN if there is one."""
    if not values.size:
        return 0.0
    # on small arrays argmax takes a third of the time of max
    return float(max(abs(values.item(values.argmax())), abs(values.item(values.argmin()))))


def scale_of(values: Array) -> float:
    """Return a power of two near the largest finite absolute value; 1 if all values are 0."""
    largest = largest_of(values)
    if not isfinite(largest):
        largest = largest_of(values[np.isfinite(values)])
    return ldexp(1.0, min(max(frexp(largest)[1], -1000), 1000)) if largest > 0 else 1.0


def root_of_squares(x: Array, y: Array) -> Array:
    """Return √(x² @ y²) without overflow; where squares underflow, |x| @ |y|, which is no smaller."""
    if np.vdot(x, x) < _MAX_SQUARES and np.vdot(y, y) < _MAX_SQUARES:
        root = np.square(x) @ np.square(y)
        if _all_between(root, _MIN_PRODUCT, inf):
            return np.asarray(np.sqrt(root, out=root))
    if not (x.any() and y.any()):
        return np.zeros((x.shape[0], y.shape[1]))
    unit_x, unit_y = scale_of(x), scale_of(y)
    root = _squared(x, 1.0 / unit_x) @ _squared(y, 1.0 / unit_y)
    np.sqrt(root, out=root)
    if root.min() < _SQUARES_UNDERFLOW:
        root = np.where(root < _SQUARES_UNDERFLOW, np.abs(x / unit_x) @ np.abs(y / unit_y), root)
    root *= unit_x
    root *= unit_y
    return np.asarray(root)


def joined(*parts: tuple[float, Array]) -> Array:
    """Return √(Σ (factor · part)²), entry by entry and without overflow, for factors of 0 or more.

    Where squares underflow, return the sum of the absolute values, which is no smaller.
    """
    total = _sum_of_squares(parts, 1.0)
    if _all_between(total, _MIN_SUM, inf):
        return np.asarray(np.sqrt(total, out=total))
    unit = max(factor * scale_of(part) for factor, part in parts)
    if not 0 < unit < inf:
        unit = 1.0
    total = _sum_of_squares(parts, unit)
    np.sqrt(total, out=total)
    if total.min(initial=1.0) < _SQUARES_UNDERFLOW:
        absolute_sum = sum((factor / unit * np.abs(part) for factor, part in parts), np.zeros_like(total))
        total = np.where(total < _SQUARES_UNDERFLOW, absolute_sum, total)
    total *= unit
    return np.asarray(total)


def _sum_of_squares(parts: Sequence[tuple[float, Array]], unit: float) -> Array:
    total, square = _squared(parts[0][1], parts[0][0] / unit), None
    for factor, part in parts[1:]:
        square = _squared(part, factor / unit, out=square)  # one buffer: allocation is costly
        total += square
    return total


def _squared(values: Array, factor: float, out: Array | None = None) -> Array:
    scaled = np.asarray(np.multiply(values, factor, out=out))
    return np.asarray(np.multiply(scaled, scaled, out=scaled))


def _all_between(values: Array, least: float, most: float) -> bool:
    """True if all values lie between `least` and `most`; NaN does not."""
    return not values.size or (values.item(values.argmin()) > least and values.item(values.argmax()) < most)
