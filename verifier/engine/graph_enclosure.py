"""Gradients of a graph in interval arithmetic, with the subdifferential at kinks."""

import numpy as np

from reference_impl.array import Array
from verifier.engine.autodiff import Kinks, gradients_of, values_of
from verifier.engine.batching import BatchedValues
from verifier.engine.estimate import Estimate
from verifier.engine.graph_rounding import reached_graph_kinks
from verifier.engine.interval_arithmetic import INTERVALS
from verifier.engine.intervals import Interval
from verifier.problem.graph import GraphProblem, node_name


@np.errstate(all="ignore")
def enclosed_graph(problem: GraphProblem, kinks: Kinks) -> dict[str, Estimate]:
    """Return enclosures of the gradients in `requested`, with every slope at kinks.

    kinks: masks by node, joined with the kinks that an enclosed value reaches.
    """
    values = values_of(problem, INTERVALS)
    reached = reached_graph_kinks(problem, values, lambda interval: (interval.middle, interval.radius))
    reached |= {name: mask | reached.get(name, mask) for name, mask in kinks.items()}
    gradients = gradients_of(problem, values, INTERVALS)
    widened = gradients_of(problem, values, INTERVALS, reached) if reached else gradients
    return {key: _estimate_of(node_name(key), values, gradients, widened) for key in problem.requested}


def _estimate_of(
    name: str, values: BatchedValues, gradients: BatchedValues, widened: BatchedValues
) -> Estimate:
    if name not in gradients:  # the output does not depend on this name
        zeros = np.zeros(values[name].middle.shape)
        return Estimate(zeros, zeros)
    interval = gradients[name]
    return _estimate(interval, interval if widened is gradients else widened[name])


def _estimate(interval: Interval, widened: Interval) -> Estimate:
    """Return the hull of both, about its own middle; the numerical error stays that of the first."""
    middle, subgradient_radius = interval.middle, np.zeros(interval.middle.shape)
    if widened is not interval:
        low = np.minimum(interval.middle - interval.radius, widened.middle - widened.radius)
        high = np.maximum(interval.middle + interval.radius, widened.middle + widened.radius)
        # the rounding error of multiplying ends instead of middles
        noise = 2.0**-48 * np.maximum(np.abs(low), np.abs(high))
        at_kink = (high - low) > 4.0 * interval.radius + noise
        middle = np.where(at_kink, 0.5 * (low + high), interval.middle)
        subgradient_radius = np.where(at_kink, 0.5 * (high - low) + 2.0**-51 * np.abs(middle), 0.0)
    return Estimate(
        middle,
        _error(middle, interval.radius, subgradient_radius),
        subgradient_radius if subgradient_radius.any() else None,
    )


def _error(middle: Array, radius: Array, subgradient_radius: Array) -> Array:
    known = np.isfinite(middle) & np.isfinite(radius) & np.isfinite(subgradient_radius)
    return np.where(known, radius, np.inf)
