"""Midpoint-radius interval arithmetic for graphs, with every slope at kinks."""

from collections.abc import Callable
from math import prod

import numpy as np

from reference_impl.activations import Activation
from reference_impl.array import Array
from reference_impl.losses import Terms
from verifier.engine import interval_functions, intervals
from verifier.engine.arithmetic import Numbers, largest_shares
from verifier.engine.functions.loss_properties import loss_properties
from verifier.engine.intervals import UNIT, Factors, Interval, Product, factors, inflated
from verifier.problem.graph import Shape

_ROUNDINGS = 2.0**-51  # relative error of a factor and a divisor: up to three roundings


class IntervalArithmetic(Numbers):
    """Evaluate formulas with enclosures of the results.

    product: returns the lazy product of two matrices: `factors`, or `sharp_factors`, slower and sharper.
    """

    def __init__(self, product: Product = factors) -> None:
        self._product = product

    constant = staticmethod(intervals.exact)
    plus = staticmethod(intervals.plus)
    negative = staticmethod(intervals.negative)
    times = staticmethod(intervals.times)

    def shape(self, x: Interval | Factors) -> Shape:
        return x.shape if isinstance(x, Factors) else x.middle.shape

    def whole(self, x: Interval | Factors) -> Interval:
        return x.rows(...) if isinstance(x, Factors) else x

    def divided(self, x: Interval, y: Interval) -> Interval:
        return intervals.times(x, intervals.quotient(np.ones_like(y.middle), y))

    def scaled(self, x: Interval, factor: float, divisor: int = 1) -> Interval:
        quotient = factor / divisor
        exact = divisor & (divisor - 1) == 0  # division by a power of two is exact
        error = 0.0 if exact else abs(quotient) * _ROUNDINGS
        return intervals.times(x, Interval(np.asarray(quotient), np.asarray(error)))

    def matmul(self, x: Interval, y: Interval) -> Interval:
        if x.middle.ndim == 2 and y.middle.ndim == 2:
            return self._product(x, y).rows(...)
        return intervals.matmul_of_stacks(x, y)

    def affine_pulled(self, w: Interval, u: Interval) -> Interval:
        return self._product(u, intervals.transpose(w)).rows(...)

    def parameters_pulled(
        self, x: Interval, u: Interval, *, with_bias: bool
    ) -> tuple[Interval | Factors, ...]:
        of_w = self._product(intervals.transpose(x), u)
        return (of_w, intervals.total(u, axis=0)) if with_bias else (of_w,)

    def total(self, x: Interval, axes: tuple[int, ...], keepdims: bool = False) -> Interval:
        if not axes:
            return x
        rank = x.middle.ndim
        kept = [axis for axis in range(-rank, 0) if axis not in axes]
        terms = prod(x.middle.shape[axis] for axis in axes)
        shape = (*(x.middle.shape[axis] for axis in kept), terms)
        rows = self.move(lambda part: part.transpose(*kept, *axes).reshape(shape), x)
        sums = intervals.total(rows, axis=-1)
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

    def applied(self, function: Activation, x: Interval) -> Interval:
        return interval_functions.value(function, x)

    def activation_vjp(self, function: Activation, x: Interval, u: Interval, kinks: Array | None) -> Interval:
        return interval_functions.vjp(function, x, u, kinks)

    def log_softmax(self, x: Interval) -> Interval:
        return interval_functions.log_softmax(x)

    def log_softmax_vjp(self, x: Interval, u: Interval) -> Interval:
        others = intervals.minus(self.total(u, (-1,), keepdims=True), u)
        return intervals.minus(
            intervals.times(u, interval_functions.one_minus_softmax(x)),
            intervals.times(interval_functions.softmax(x), others),
        )

    def maximum(self, x: Interval, axes: tuple[int, ...], keepdims: bool) -> Interval:
        # the maximum moves no farther than the entries
        return self.move(lambda part: part.max(axis=axes, keepdims=keepdims), x)

    def maximum_vjp(self, x: Interval, u: Interval, axes: tuple[int, ...], kinks: Array | None) -> Interval:
        shares = largest_shares(x.middle, axes)
        share = Interval(shares, np.where((shares == 0) | (shares == 1), 0.0, shares * 2 * UNIT))
        if kinks is None:
            return intervals.times(u, share)
        any_share = Interval(np.where(kinks, 0.5, shares), np.where(kinks, 0.5, share.radius))
        return intervals.wide_times(u, any_share)

    def losses(self, terms: Terms, f: Interval, y: Array) -> Interval:
        """Return an enclosure of the losses, by the mean value theorem with the steepest slopes."""
        outputs = f.middle.shape[-1]
        variation = (self.loss_gradient(terms, f, y).magnitude * f.radius).sum(axis=-1)
        values = terms.value(f.middle, y)
        rounding_error = (
            (32 + outputs) * UNIT * loss_properties(terms).value_roundoff(f.middle, y, values).sum(axis=-1)
        )
        return Interval(values.sum(axis=-1), inflated(variation + rounding_error, outputs + 2))

    def loss_gradient(self, terms: Terms, f: Interval, y: Array) -> Interval:
        gradient: Interval = loss_properties(terms).enclose_gradient(f, y)
        return gradient

    def scaled_loss_slopes(self, terms: Terms, f: Interval, y: Array, factor: float) -> Interval:
        rounded = Interval(np.asarray(factor), np.asarray(abs(factor) * _ROUNDINGS))
        return intervals.times(self.loss_gradient(terms, f, y), rounded)


INTERVALS = IntervalArithmetic()
