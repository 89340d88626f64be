"""Midpoint-radius arithmetic for graphs: whatever a formula computes is enclosed, kinks included."""

from collections.abc import Callable
from math import prod

import numpy as np

from reference_impl.activations import Activation
from reference_impl.array import Array
from reference_impl.losses import Terms
from verifier.enclosure import ball, balls, functions
from verifier.enclosure.ball import UNIT, Ball, inflated
from verifier.engine.functions.loss_properties import loss_properties
from verifier.graphs.arithmetic.numbers import Numbers, largest_shares
from verifier.graphs.shapes import Shape

_ROUNDINGS = 2.0**-51  # what a factor and a divisor lose, relatively: up to three roundings


class Balls(Numbers):
    """Encloses."""

    def constant(self, values: Array) -> Ball:
        return ball.exact(values)

    def shape(self, x: Ball) -> Shape:
        return tuple(x.middle.shape)

    def plus(self, x: Ball, y: Ball) -> Ball:
        return ball.plus(x, y)

    def negative(self, x: Ball) -> Ball:
        return balls.negative(x)

    def times(self, x: Ball, y: Ball) -> Ball:
        return ball.times(x, y)

    def divided(self, x: Ball, y: Ball) -> Ball:
        return ball.times(x, ball.quotient(np.ones_like(y.middle), y))

    def scaled(self, x: Ball, factor: float, divisor: int = 1) -> Ball:
        quotient = factor / divisor
        exact = divisor & (divisor - 1) == 0  # a power of two divides without rounding
        error = 0.0 if exact else abs(quotient) * _ROUNDINGS
        return ball.times(x, Ball(np.asarray(quotient), np.asarray(error)))

    def matmul(self, x: Ball, y: Ball) -> Ball:
        if x.middle.ndim == 2 and y.middle.ndim == 2:
            return ball.matmul(x, y)
        return ball.matmul_of_stacks(x, y)

    def total(self, x: Ball, axes: tuple[int, ...], keepdims: bool = False) -> Ball:
        if not axes:
            return x
        rank = x.middle.ndim
        kept = [axis for axis in range(-rank, 0) if axis not in axes]
        terms = prod(x.middle.shape[axis] for axis in axes)
        shape = (*(x.middle.shape[axis] for axis in kept), terms)
        rows = self.move(lambda part: part.transpose(*kept, *axes).reshape(shape), x)
        found = ball.total(rows, axis=-1)
        return self.move(lambda part: np.expand_dims(part, axes), found) if keepdims else found

    def move(self, function: Callable[..., Array], *x: Ball) -> Ball:
        middle = function(*(each.middle for each in x))
        return Ball(np.asarray(middle), np.asarray(function(*(each.radius for each in x))))

    def gathered(self, u: Ball, places: Array, rows: int) -> Ball:
        middle, size, radius, count = (np.zeros((rows, u.middle.shape[-1])) for _ in range(4))
        np.add.at(middle, places, u.middle)
        np.add.at(size, places, np.abs(u.middle))
        np.add.at(radius, places, u.radius)
        np.add.at(count, places, np.ones_like(u.middle))
        most = int(count.max(initial=1.0))
        return Ball(middle, inflated(radius + 2.0 * most * UNIT * size, most))

    def applied(self, function: Activation, x: Ball) -> Ball:
        return functions.value(function, x)

    def pulled(self, function: Activation, x: Ball, u: Ball, kinks: Array | None) -> Ball:
        return functions.pull_back(function, x, u, kinks)

    def log_softmax(self, x: Ball) -> Ball:
        return functions.log_softmax(x)

    def log_softmax_pulled(self, x: Ball, u: Ball) -> Ball:
        others = ball.minus(self.total(u, (-1,), keepdims=True), u)
        return ball.minus(
            ball.times(u, functions.one_minus_softmax(x)), ball.times(functions.softmax(x), others)
        )

    def maximum(self, x: Ball, axes: tuple[int, ...], keepdims: bool) -> Ball:
        return self.move(lambda part: part.max(axis=axes, keepdims=keepdims), x)  # no entry moves farther

    def maximum_pulled(self, x: Ball, u: Ball, axes: tuple[int, ...], kinks: Array | None) -> Ball:
        shares = largest_shares(x.middle, axes)
        share = Ball(shares, np.where((shares == 0) | (shares == 1), 0.0, shares * 2 * UNIT))
        if kinks is None:
            return ball.times(u, share)
        any_share = Ball(np.where(kinks, 0.5, shares), np.where(kinks, 0.5, share.radius))
        return ball.wide_times(u, any_share)

    def losses(self, terms: Terms, f: Ball, y: Array) -> Ball:
        """By the mean value theorem: no row's loss moves farther than its steepest slopes carry it."""
        outputs = f.middle.shape[-1]
        moved = (self.loss_slopes(terms, f, y).magnitude * f.radius).sum(axis=-1)
        values = terms.value(f.middle, y)
        lost = (32 + outputs) * UNIT * loss_properties(terms).value_roundoff(f.middle, y, values).sum(axis=-1)
        return Ball(values.sum(axis=-1), inflated(moved + lost, outputs + 2))

    def loss_slopes(self, terms: Terms, f: Ball, y: Array) -> Ball:
        return loss_properties(terms).enclose_gradient(f, y)


BALLS = Balls()
