"""The gradient of a graph in midpoint-radius arithmetic, with the set of slopes that kinks make right."""

import numpy as np

from reference_impl.array import Array
from verifier.enclosure.ball import Ball
from verifier.estimate import Estimate
from verifier.graphs.arithmetic.balls import BALLS
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reverse import Kinks, gradients_of
from verifier.graphs.rounding import reached_kinks
from verifier.graphs.stacked import Stacked
from verifier.graphs.values import values_of


@np.errstate(all="ignore")
def enclosed(problem: GraphProblem, kinks: Kinks) -> dict[str, Estimate]:
    """Enclose what is asked, with every slope at `kinks` and at whatever kink a value reaches."""
    values = values_of(problem, BALLS)
    reached = reached_kinks(problem, values, lambda own: (own.middle, own.radius))
    reached |= {name: own | reached.get(name, own) for name, own in kinks.items()}
    found = gradients_of(problem, values, BALLS)
    widened = gradients_of(problem, values, BALLS, reached) if reached else found
    return {key: _estimate_of(plain(key), values, found, widened) for key in problem.asked}


def _estimate_of(name: str, values: Stacked, found: Stacked, widened: Stacked) -> Estimate:
    if name not in found:  # the output does not depend on it
        nothing = np.zeros(values[name].middle.shape)
        return Estimate(nothing, nothing)
    own = found[name]
    return _estimate(own, own if widened is found else widened[name])


def _estimate(ball: Ball, widened: Ball) -> Estimate:
    """Give the hull of both, about its own middle; the numerical error stays that of the first."""
    middle, slopes = ball.middle, np.zeros(ball.middle.shape)
    if widened is not ball:
        low = np.minimum(ball.middle - ball.radius, widened.middle - widened.radius)
        high = np.maximum(ball.middle + ball.radius, widened.middle + widened.radius)
        noise = 2.0**-48 * np.maximum(np.abs(low), np.abs(high))  # of multiplying by ends instead of middles
        kinked = (high - low) > 4.0 * ball.radius + noise
        middle = np.where(kinked, 0.5 * (low + high), ball.middle)
        slopes = np.where(kinked, 0.5 * (high - low) + 2.0**-51 * np.abs(middle), 0.0)
    return Estimate(middle, _known(middle, ball.radius, slopes), slopes if slopes.any() else None)


def _known(middle: Array, radius: Array, slopes: Array) -> Array:
    known = np.isfinite(middle) & np.isfinite(radius) & np.isfinite(slopes)
    return np.where(known, radius, np.inf)
