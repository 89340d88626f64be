"""Reverse mode over the reference's own operations, defined first and then run."""

import numpy as np

from verifier.estimate import Answer, Uncertainty, WithinRounding
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reference import graph_of
from verifier.graphs.rounding import GraphRounding


def gradient(problem: GraphProblem, honest: GraphRounding) -> Answer:
    """Run the graph forward, and backward from its output.

    Error: an estimate, the rounding of honest float64 arithmetic on this problem.
    """
    static, operations = graph_of(problem)
    static.forward()
    static.backward()
    reached = set(static.order)
    values = {
        key: static.gradient(own) if own in reached else np.zeros(problem.shapes()[plain(key)])
        for key, own in ((key, operations[plain(key)]) for key in problem.asked)
    }
    return Answer(WithinRounding(values, honest), Uncertainty.ESTIMATE)
