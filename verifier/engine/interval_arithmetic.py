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
from verifier.engine.intervals import UNIT, Ball, inflated
from verifier.problem.graph import Shape

_ROUNDINGS = 2.0**-51  # relative error of a factor and a divisor: up to three roundings


class Balls(Numbers):
    """Evaluate formulas with enclosures of the results."""

    def constant(self, values: Array) -> Ball:
        return intervals.exact(values)

    def shape(self, x: Ball) -> Shape:
        return tuple(x.middle.shape)

    def plus(self, x: Ball, y: Ball) -> Ball:
        return intervals.plus(x, y)

    def negative(self, x: Ball) -> Ball:
        return intervals.negative(x)

    def times(self, x: Ball, y: Ball) -> Ball:
        return intervals.times(x, y)

    def divided(self, x: Ball, y: Ball) -> Ball:
        return intervals.times(x, intervals.quotient(np.ones_like(y.middle), y))

    def scaled(self, x: Ball, factor: float, divisor: int = 1) -> Ball:
        quotient = factor / divisor
        exact = divisor & (divisor - 1) == 0  # division by a power of two is exact
        error = 0.0 if exact else abs(quotient) * _ROUNDINGS
        return intervals.times(x, Ball(np.asarray(quotient), np.asarray(error)))

    def matmul(self, x: Ball, y: Ball) -> Ball:
        if x.middle.ndim == 2 and y.middle.ndim == 2:
            return intervals.matmul(x, y)
        return intervals.matmul_of_stacks(x, y)

    def total(self, x: Ball, axes: tuple[int, ...], keepdims: bool = False) -> Ball:
        if not axes:
            return x
        rank = x.middle.ndim
        kept = [axis for axis in range(-rank, 0) if axis not in axes]
        terms = prod(x.middle.shape[axis] for axis in axes)
        shape = (*(x.middle.shape[axis] for axis in kept), terms)
        rows = self.move(lambda part: part.transpose(*kept, *axes).reshape(shape), x)
        sums = intervals.total(rows, axis=-1)
        return self.move(lambda part: np.expand_dims(part, axes), sums) if keepdims else sums

    def move(self, function: Callable[..., Array], *x: Ball) -> Ball:
        middle = function(*(interval.middle for interval in x))
        return Ball(np.asarray(middle), np.asarray(function(*(interval.radius for interval in x))))

    def gathered(self, u: Ball, places: Array, rows: int) -> Ball:
        middle, magnitude, radius, count = (np.zeros((rows, u.middle.shape[-1])) for _ in range(4))
        np.add.at(middle, places, u.middle)
        np.add.at(magnitude, places, np.abs(u.middle))
        np.add.at(radius, places, u.radius)
        np.add.at(count, places, np.ones_like(u.middle))
        largest_count = int(count.max(initial=1.0))
        return Ball(middle, inflated(radius + 2.0 * largest_count * UNIT * magnitude, largest_count))

    def applied(self, function: Activation, x: Ball) -> Ball:
        return interval_functions.value(function, x)

    def pulled(self, function: Activation, x: Ball, u: Ball, kinks: Array | None) -> Ball:
        return interval_functions.pull_back(function, x, u, kinks)

    def log_softmax(self, x: Ball) -> Ball:
        return interval_functions.log_softmax(x)

    def log_softmax_pulled(self, x: Ball, u: Ball) -> Ball:
        others = intervals.minus(self.total(u, (-1,), keepdims=True), u)
        return intervals.minus(
            intervals.times(u, interval_functions.one_minus_softmax(x)),
            intervals.times(interval_functions.softmax(x), others),
        )

    def maximum(self, x: Ball, axes: tuple[int, ...], keepdims: bool) -> Ball:
        # the maximum moves no farther than the entries
        return self.move(lambda part: part.max(axis=axes, keepdims=keepdims), x)

    def maximum_pulled(self, x: Ball, u: Ball, axes: tuple[int, ...], kinks: Array | None) -> Ball:
        shares = largest_shares(x.middle, axes)
        share = Ball(shares, np.where((shares == 0) | (shares == 1), 0.0, shares * 2 * UNIT))
        if kinks is None:
            return intervals.times(u, share)
        any_share = Ball(np.where(kinks, 0.5, shares), np.where(kinks, 0.5, share.radius))
        return intervals.wide_times(u, any_share)

    def losses(self, terms: Terms, f: Ball, y: Array) -> Ball:
        """Return an enclosure of the losses, by the mean value theorem with the steepest slopes."""
        outputs = f.middle.shape[-1]
        variation = (self.loss_slopes(terms, f, y).magnitude * f.radius).sum(axis=-1)
        values = terms.value(f.middle, y)
        rounding_error = (
            (32 + outputs) * UNIT * loss_properties(terms).value_roundoff(f.middle, y, values).sum(axis=-1)
        )
        return Ball(values.sum(axis=-1), inflated(variation + rounding_error, outputs + 2))

    def loss_slopes(self, terms: Terms, f: Ball, y: Array) -> Ball:
        slopes: Ball = loss_properties(terms).enclose_gradient(f, y)
        return slopes


BALLS = Balls()
