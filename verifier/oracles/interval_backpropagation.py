"""The reference's δ recursion in interval arithmetic: the true gradient is proved to lie within the error."""

from reference_impl.problem import Problem
from verifier.engine.enclosure import refined_enclosure
from verifier.engine.estimate import Answer
from verifier.engine.rounding_allowance import Rounding
from verifier.report.model import Uncertainty


def gradient(problem: Problem, float64_rounding: Rounding) -> Answer:
    """Return an enclosure of the gradient, by the recursion in midpoint-radius arithmetic.

    Products are recomputed with sharper ones where the first enclosure is vague.
    Error: a bound, as long as elementary functions err by at most 4 units in the last place. At a unit that
    float64 cannot distinguish from a kink, and at a weight at the kink of an l1 penalty, `slopes` encloses
    the Clarke subdifferential.
    """
    estimates = refined_enclosure(problem, float64_rounding.kinks, float64_rounding.scale)
    return Answer(estimates, Uncertainty.BOUND)
