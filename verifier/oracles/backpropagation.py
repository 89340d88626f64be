"""The reference's own δ recursion, enclosed: the true gradient lies within the error, proved."""

from collections.abc import Mapping

import numpy as np

from reference_impl.problem import Problem
from verifier.by_rows import EstimatesByRows, Rows, Which
from verifier.enclosure.estimates import enclosed
from verifier.enclosure.sharp_product import sharp_factors
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.rounding import Rounding

VAGUE = 1e-6  # of an entry's scale: an error beyond it decides nothing, and is worth a sharper run
UNDERFLOW = 2.0**-1000  # what underflow leaves is no vagueness


def gradient(problem: Problem, honest: Rounding) -> Answer:
    """Run the recursion in midpoint–radius arithmetic; once more with sharper products where that was vague.

    Error: a bound, as long as elementary functions err by at most 4 units in the last place. At a unit that
    float64 cannot tell from a kink, and at a weight at the kink of an l1 penalty, `slopes` encloses the
    Clarke subdifferential.
    """
    found = enclosed(problem, honest.kinks)
    if isinstance(found, EstimatesByRows):
        return Answer(_SharpWhereVague(problem, honest, found), Uncertainty.BOUND)
    if _is_vague(found, honest):
        found = _sharply(problem, honest)
    return Answer(found, Uncertainty.BOUND)


class _SharpWhereVague(EstimatesByRows):
    """Plain products until somebody needs to know whether they are vague, and sharper ones if they are."""

    def __init__(self, problem: Problem, honest: Rounding, plain: EstimatesByRows) -> None:
        super().__init__(list(plain))
        self._problem, self._honest, self._found = problem, honest, plain
        self._is_settled = False

    def _whole(self, name: str) -> Estimate:
        self.sharpened()
        return self._found[name]

    def rows(self, name: str, which: Which) -> Rows:
        return self._found.rows(name, which)

    def sharpened(self) -> bool:
        if self._is_settled:
            return False
        self._is_settled = True
        if not _is_vague(self._found, self._honest):
            return False
        sharp = _sharply(self._problem, self._honest)
        if not isinstance(sharp, EstimatesByRows):
            return False  # it reaches a kink that plain products tell apart
        self._found = sharp
        return True


def _sharply(problem: Problem, honest: Rounding) -> Mapping[str, Estimate]:
    return enclosed(problem, honest.kinks, ready=sharp_factors)


@np.errstate(all="ignore")
def _is_vague(found: Mapping[str, Estimate], honest: Rounding) -> bool:
    """Say whether some entry is known, but not well; overflow and sets of slopes get no better."""
    if any(own.slopes is not None for own in found.values()):
        return False
    return any(_some_beyond(own, name, honest) for name, own in found.items())


def _some_beyond(own: Estimate, name: str, honest: Rounding) -> bool:
    vague = np.isfinite(own.error) & (own.error > np.maximum(VAGUE * np.abs(own.value), UNDERFLOW))
    return bool(vague.any() and (vague & (own.error > VAGUE * honest.scale[name])).any())
