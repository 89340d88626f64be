"""Reverse mode over the reference's operations, recorded while they run."""

from reference_impl.graph import DynamicGraph
from verifier.estimate import Answer, Uncertainty, WithinRounding
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reference import operations_of
from verifier.graphs.rounding import GraphRounding


def gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return the gradients from a backward pass over the recorded operations.

    Error: an estimate, the rounding error of correct float64 arithmetic on this problem.
    """
    with DynamicGraph() as graph:
        operations = operations_of(problem)
    graph.backward(operations[problem.output])
    values = {key: graph.gradient(operations[plain(key)]) for key in problem.asked}
    return Answer(WithinRounding(values, float64_rounding), Uncertainty.ESTIMATE)
