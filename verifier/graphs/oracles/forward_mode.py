"""Forward mode over the reference's operations: one tangent per entry, propagated to the output."""

import numpy as np

from reference_impl.graph import tangents_of
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.graphs.moves import asked_entries, told
from verifier.graphs.problem import GraphProblem
from verifier.graphs.reference import graph_of
from verifier.graphs.rounding import GraphRounding

MOST_STEPS = 200_000  # nodes visited in all sweeps; about a second


def gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return the derivative along every entry, from one sweep each.

    Error: an estimate, the rounding error of correct float64 arithmetic on this problem. It is infinite,
    beyond a budget, at entries that were not sampled.
    """
    static, operations = graph_of(problem)
    static.forward()
    reached = set(static.order)
    taps = asked_entries(problem, sides=1, most=MOST_STEPS, whole_sweeps=True)
    estimates = {}
    for tap in taps:
        operation, shape = operations[tap.name], problem.shapes()[tap.name]
        value, error = np.zeros(shape), np.full(shape, np.inf)
        for entry in tap.entries:
            tangent = np.zeros(shape)
            tangent.flat[entry] = 1.0
            if operation in reached:
                value.flat[entry] = tangents_of(static.order, {operation: tangent})[static.output].item()
            error.flat[entry] = float64_rounding.allowance[tap.key].flat[entry]
        estimates[tap.key] = Estimate(value, error)
    return Answer(estimates, Uncertainty.ESTIMATE, told(taps, problem))
