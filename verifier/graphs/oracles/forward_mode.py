"""Forward mode over the reference's own operations: a tangent for each entry, carried to the output."""

import numpy as np

from reference_impl.graph import tangents_of
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.graphs.moves import asked_entries, told
from verifier.graphs.problem import GraphProblem
from verifier.graphs.reference import graph_of
from verifier.graphs.rounding import GraphRounding

MOST_STEPS = 200_000  # nodes passed in all sweeps; about a second


def gradient(problem: GraphProblem, honest: GraphRounding) -> Answer:
    """Move every entry along a tangent of its own, one sweep each.

    Error: an estimate, the rounding of honest float64 arithmetic on this problem. Beyond a budget, entries
    that were not drawn are left out (infinite error).
    """
    static, operations = graph_of(problem)
    static.forward()
    reached = set(static.order)
    asked = asked_entries(problem, sides=1, most=MOST_STEPS, whole_sweeps=True)
    found = {}
    for own in asked:
        operation, shape = operations[own.name], problem.shapes()[own.name]
        value, error = np.zeros(shape), np.full(shape, np.inf)
        for entry in own.entries:
            tangent = np.zeros(shape)
            tangent.flat[entry] = 1.0
            if operation in reached:
                value.flat[entry] = tangents_of(static.order, {operation: tangent})[static.output].item()
            error.flat[entry] = honest.allowance[own.key].flat[entry]
        found[own.key] = Estimate(value, error)
    return Answer(found, Uncertainty.ESTIMATE, told(asked, problem))
