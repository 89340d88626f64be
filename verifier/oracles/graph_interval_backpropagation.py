"""Reverse mode in interval arithmetic: proved bounds, and the subdifferential at kinks."""

from verifier.engine.estimate import Answer
from verifier.engine.graph_enclosure import enclosed_graph
from verifier.engine.graph_rounding import GraphRounding
from verifier.problem.graph import GraphProblem
from verifier.report.model import Uncertainty


def gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return an enclosure of every gradient. Error: a bound."""
    return Answer(enclosed_graph(problem, float64_rounding.kinks), Uncertainty.BOUND)
