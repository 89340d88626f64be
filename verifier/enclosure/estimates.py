"""Enclosures as estimates: a value, its bound, and the set of slopes that a kink makes right."""

from collections.abc import Sequence

import numpy as np

from reference_impl.array import Array
from reference_impl.network import named
from reference_impl.problem import Problem
from reference_impl.risk import NORMS, Penalty
from verifier.enclosure.ball import Ball, exact, matmul, plus, times
from verifier.enclosure.gradient import Product, enclose_forward, enclose_gradient, reached_kinks
from verifier.estimate import Estimate
from verifier.precision import Precision, rounded


def enclosed(
    problem: Problem,
    kinks: Sequence[Array],
    precision: Precision | None = None,
    product: Product = matmul,
) -> dict[str, Estimate]:
    """Enclose the gradient, with every slope at `kinks` and at whatever kink a pre-activation reaches.

    precision: weights that it takes for 0 are at the kink of an l1 penalty. product: see `enclose_forward`.
    """
    with np.errstate(all="ignore"):
        a, z = enclose_forward(problem, product)
        found = enclose_gradient(problem, a, z, None, product)
        reached = [near | far for near, far in zip(reached_kinks(problem, a), kinks, strict=True)]
        at_kinks = any(own.any() for own in reached)
        widened = enclose_gradient(problem, a, z, reached, product) if at_kinks else found
        return {
            name: _estimate(problem, name, found[name], widened[name], precision)
            for name, _ in named(problem.parameters)
        }


def _estimate(
    problem: Problem, name: str, ball: Ball, widened: Ball, precision: Precision | None
) -> Estimate:
    _, index, kind = name.split(".")
    own = problem.parameters[int(index)]
    w = own.weight if kind == "weight" else own.bias
    assert w is not None
    penalties = [p for p in problem.risk.penalties if p.biases or kind == "weight"]
    if widened is ball and not penalties and _is_finite(ball):
        return Estimate(ball.middle, ball.radius)
    slopes = np.zeros(w.shape)
    for penalty in penalties:
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
