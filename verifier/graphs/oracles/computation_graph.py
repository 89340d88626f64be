"""Reverse mode over the reference's operations, as a static graph."""

import numpy as np

from verifier.estimate import Answer, Uncertainty, WithinRounding
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reference import graph_of
from verifier.graphs.rounding import GraphRounding


def gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return the gradients from a forward and a backward pass through the graph.

    Error: an estimate, the rounding error of correct float64 arithmetic on this problem.
    """
    static, operations = graph_of(problem)
    static.forward()
    static.backward()
    reached = set(static.order)
    values = {
        key: static.gradient(operation) if operation in reached else np.zeros(problem.shapes()[plain(key)])
        for key, operation in ((key, operations[plain(key)]) for key in problem.asked)
    }
    return Answer(WithinRounding(values, float64_rounding), Uncertainty.ESTIMATE)
