"""Reverse mode in interval arithmetic: proved bounds, and the subdifferential at kinks."""

from verifier.estimate import Answer, Uncertainty
from verifier.graphs.enclosure import enclosed
from verifier.graphs.problem import GraphProblem
from verifier.graphs.rounding import GraphRounding


def gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return an enclosure of every gradient. Error: a bound."""
    return Answer(enclosed(problem, float64_rounding.kinks), Uncertainty.BOUND)
