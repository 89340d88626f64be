"""Reverse mode in interval arithmetic: the true gradient is proved to lie within the error."""

from functools import partial

from reference_impl.problem import Problem
from verifier.engine.enclosure import enclosed, enclosed_graph, has_products, refined
from verifier.engine.estimate import Answer
from verifier.engine.graph_rounding import GraphRounding
from verifier.engine.rounding_allowance import Rounding
from verifier.problem.graph import GraphProblem
from verifier.report.model import Uncertainty


def gradient(problem: Problem, float64_rounding: Rounding) -> Answer:
    """Return an enclosure of the gradient of layers, by the recursion in midpoint-radius arithmetic.

    Products are recomputed with sharper ones where the first enclosure is vague.
    Error: a bound, as long as elementary functions err by at most 4 units in the last place. At a unit that
    float64 cannot distinguish from a kink, at a kink of the loss, and at a weight at the kink of an l1
    penalty, `subgradient_radius` encloses the Clarke subdifferential.
    """
    enclose = partial(enclosed, problem, float64_rounding.kinks, None, loss_kinks=float64_rounding.loss_kinks)
    return Answer(refined(enclose, lambda: float64_rounding.scale), Uncertainty.BOUND)


def graph_gradient(problem: GraphProblem, float64_rounding: GraphRounding) -> Answer:
    """Return an enclosure of the gradients of a graph, with the same error as that of layers."""
    enclose = partial(enclosed_graph, problem, float64_rounding.kinks)
    if not has_products(problem):
        return Answer(enclose(), Uncertainty.BOUND)
    return Answer(refined(enclose, lambda: float64_rounding.scale), Uncertainty.BOUND)
