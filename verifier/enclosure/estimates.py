"""Enclosures as estimates: a value, its bound, and the set of slopes that a kink makes right."""

from collections.abc import Mapping, Sequence

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import NORMS, Penalty
from reference_impl.network import named
from reference_impl.problem import Problem
from verifier.by_rows import ALL, EstimatesByRows, Rows, Which
from verifier.enclosure.ball import Ball, Factors, exact, factors, plus, times, total, transpose
from verifier.enclosure.gradient import (
    Ready,
    enclose_deltas,
    enclose_forward,
    enclose_gradient,
    reached_kinks,
)
from verifier.estimate import Estimate
from verifier.precision import Precision, rounded


def enclosed(
    problem: Problem,
    kinks: Sequence[Array],
    precision: Precision | None = None,
    ready: Ready = factors,
) -> Mapping[str, Estimate]:
    """Enclose the gradient, with every slope at `kinks` and at whatever kink a pre-activation reaches.

    precision: weights that it takes for 0 are at the kink of an l1 penalty. ready: see `enclose_forward`.
    """
    with np.errstate(all="ignore"):
        a, z = enclose_forward(problem, ready)
        reached = [near | far for near, far in zip(reached_kinks(problem, a), kinks, strict=True)]
        at_kinks = any(own.any() for own in reached)
        if not at_kinks and all(penalty.norm != "l1" for penalty in problem.risk.penalties):
            return _Enclosed(problem, z, enclose_deltas(problem, a, z, None, ready), ready)
        found = enclose_gradient(problem, a, z, None, ready)
        widened = enclose_gradient(problem, a, z, reached, ready) if at_kinks else found
        return {
            name: _estimate(problem, name, found[name], widened[name], precision)
            for name, _ in named(problem.parameters)
        }


class _Enclosed(EstimatesByRows):
    """The gradient of a risk near no kink, and without one in its penalties."""

    def __init__(self, problem: Problem, z: Sequence[Ball], deltas: Sequence[Ball], ready: Ready) -> None:
        super().__init__([name for name, _ in named(problem.parameters)])
        self._problem, self._z, self._deltas, self._ready = problem, z, deltas, ready
        self._factors: dict[str, Factors] = {}

    def _whole(self, name: str) -> Estimate:
        return _known(self._ball(name, ALL))

    def rows(self, name: str, which: Which) -> Rows:
        found = self._ball(name, which)
        return Rows(found.middle, found.radius)

    def _ball(self, name: str, which: Which) -> Ball:
        _, index, kind = name.split(".")
        weight = kind == "weight"
        ball = self._product(name).rows(which) if weight else total(self._deltas[int(index)], axis=0)
        for penalty in self._problem.risk.penalties:
            if weight or penalty.biases:
                own = self._problem.parameters[int(index)]
                w = own.weight if weight else own.bias
                assert w is not None
                ball = plus(ball, _slope_of_penalty(self._problem, penalty, w[which], None)[0])
        return ball

    def _product(self, name: str) -> Factors:
        if name not in self._factors:
            index = int(name.split(".")[1])
            self._factors[name] = self._ready(transpose(self._z[index]), self._deltas[index])
        return self._factors[name]


def _known(ball: Ball) -> Estimate:
    """Give the middle and its error, infinite where either is not finite."""
    if _is_finite(ball):
        return Estimate(ball.middle, ball.radius)
    known = np.isfinite(ball.middle) & np.isfinite(ball.radius)
    return Estimate(ball.middle, np.where(known, ball.radius, np.inf))


def _estimate(
    problem: Problem, name: str, ball: Ball, widened: Ball, precision: Precision | None
) -> Estimate:
    _, index, kind = name.split(".")
    own = problem.parameters[int(index)]
    w = own.weight if kind == "weight" else own.bias
    assert w is not None
    slopes = np.zeros(w.shape)
    for penalty in (p for p in problem.risk.penalties if p.biases or kind == "weight"):
        part, width = _slope_of_penalty(problem, penalty, w, precision)
        ball, widened = plus(ball, part), plus(widened, part)
        slopes = slopes + width
    if widened is not ball:
        # the hull of both runs, about its own middle; the numerical error stays that of the first run
        low = np.minimum(ball.middle - ball.radius, widened.middle - widened.radius)
        high = np.maximum(ball.middle + ball.radius, widened.middle + widened.radius)
        kinked = (high - low) > 4.0 * ball.radius
        middle = np.where(kinked, 0.5 * (low + high), ball.middle)
        slopes = slopes + np.where(kinked, 0.5 * (high - low) + 2.0**-51 * np.abs(middle), 0.0)
        ball = Ball(middle, ball.radius)
    known = np.isfinite(ball.middle) & np.isfinite(ball.radius) & np.isfinite(slopes)
    error = np.where(known, ball.radius, np.inf)
    return Estimate(ball.middle, error, slopes if slopes.any() else None)


def _is_finite(ball: Ball) -> bool:
    return bool(np.isfinite(ball.middle).all() and np.isfinite(ball.radius).all())


def _slope_of_penalty(
    problem: Problem, penalty: Penalty, w: Array, precision: Precision | None
) -> tuple[Ball, Array]:
    """Enclose a penalty's gradient; give the half width of the subdifferential beside it."""
    coefficient = penalty.coefficient(problem.batch.size)
    factor = Ball(np.asarray(coefficient), np.asarray(abs(coefficient) * 2.0**-51))  # up to three roundings
    part = times(exact(NORMS[penalty.norm].slope(w)), factor)
    at_kink = (w if precision is None else rounded(w, precision)) == 0
    width = np.where(at_kink & (penalty.norm == "l1"), abs(coefficient), 0.0)
    return part, width
