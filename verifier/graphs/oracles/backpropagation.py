"""Reverse mode in midpoint-radius arithmetic: bounds that are proved, and the slopes that kinks allow."""

from verifier.estimate import Answer, Uncertainty
from verifier.graphs.enclosure import enclosed
from verifier.graphs.problem import GraphProblem
from verifier.graphs.rounding import GraphRounding


def gradient(problem: GraphProblem, honest: GraphRounding) -> Answer:
    """Enclose every gradient. Error: a bound."""
    return Answer(enclosed(problem, honest.kinks), Uncertainty.BOUND)
