"""The reference's own δ recursion, enclosed: the true gradient lies within the error, proved."""

from reference_impl.problem import Problem
from verifier.enclosure.estimates import enclosed
from verifier.estimate import Answer, Uncertainty
from verifier.rounding import Rounding


def gradient(problem: Problem, honest: Rounding) -> Answer:
    """Run the recursion in midpoint–radius arithmetic.

    Error: a bound, as long as elementary functions err by at most 4 units in the last place. At a unit that
    float64 cannot tell from a kink, and at a weight at the kink of an l1 penalty, `slopes` encloses the
    Clarke subdifferential.
    """
    return Answer(enclosed(problem, honest.kinks), Uncertainty.BOUND)
