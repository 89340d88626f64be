"""Reverse mode over the reference's own operations, recorded while they run."""

from reference_impl.graph import DynamicGraph
from verifier.estimate import Answer, Uncertainty, WithinRounding
from verifier.graphs.problem import GraphProblem, plain
from verifier.graphs.reference import operations_of
from verifier.graphs.rounding import GraphRounding


def gradient(problem: GraphProblem, honest: GraphRounding) -> Answer:
    """Compute node after node, recording each, and go back along the record.

    Error: an estimate, the rounding of honest float64 arithmetic on this problem.
    """
    with DynamicGraph() as recorded:
        operations = operations_of(problem)
    recorded.backward(operations[problem.output])
    values = {key: recorded.gradient(operations[plain(key)]) for key in problem.asked}
    return Answer(WithinRounding(values, honest), Uncertainty.ESTIMATE)
