"""Reverse mode over the graph of primitive operations, each with its local derivative."""

import numpy as np

from reference_impl.problem import Problem
from reference_impl.problem_graph import graph_of
from verifier.engine.estimate import Answer, WithinRounding
from verifier.engine.rounding_allowance import Rounding
from verifier.report.model import Uncertainty


def gradient(problem: Problem, float64_rounding: Rounding) -> Answer:
    """Return the gradient of the problem's graph, run forward, then backward from the risk.

    Error: an estimate, the rounding error of correct float64 arithmetic on this problem (see `rounding.py`).
    """
    graph = graph_of(problem)
    with np.errstate(all="ignore"):
        graph.forward()
        graph.backward()
    values = {name: graph.gradient(name) for name in problem.arrays}
    return Answer(WithinRounding(values, float64_rounding), Uncertainty.ESTIMATE)
