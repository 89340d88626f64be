"""The reference's δ recursion in interval arithmetic: the true gradient is proved to lie within the error."""

from collections.abc import Mapping

import numpy as np

from reference_impl.problem import Problem
from verifier.engine.enclosure import enclosed
from verifier.engine.estimate import Answer, Estimate
from verifier.engine.intervals import sharp_factors
from verifier.engine.lazy_products import LazyEstimates, RowEstimates, RowIndex
from verifier.engine.rounding_allowance import Rounding
from verifier.report.model import Uncertainty

VAGUE = 1e-6  # relative to an entry's scale; a larger error decides little and is worth a sharper run
UNDERFLOW = 2.0**-1000  # errors caused by underflow do not count as vague


def gradient(problem: Problem, float64_rounding: Rounding) -> Answer:
    """Return an enclosure of the gradient, by the recursion in midpoint-radius arithmetic.

    Products are recomputed with sharper ones where the first enclosure is vague.
    Error: a bound, as long as elementary functions err by at most 4 units in the last place. At a unit that
    float64 cannot distinguish from a kink, and at a weight at the kink of an l1 penalty, `slopes` encloses
    the Clarke subdifferential.
    """
    estimates = enclosed(problem, float64_rounding.kinks)
    if isinstance(estimates, LazyEstimates):
        return Answer(_RefinableEstimates(problem, float64_rounding, estimates), Uncertainty.BOUND)
    if _is_vague(estimates, float64_rounding):
        estimates = _sharp_enclosure(problem, float64_rounding)
    return Answer(estimates, Uncertainty.BOUND)


class _RefinableEstimates(LazyEstimates):
    """Estimates from plain products, replaced on demand by those from sharper products if they are vague."""

    def __init__(self, problem: Problem, float64_rounding: Rounding, plain: LazyEstimates) -> None:
        super().__init__(list(plain))
        self._problem, self._float64_rounding, self._estimates = problem, float64_rounding, plain
        self._is_final = False

    def _whole(self, name: str) -> Estimate:
        self.sharpened()
        return self._estimates[name]

    def rows(self, name: str, which: RowIndex) -> RowEstimates:
        return self._estimates.rows(name, which)

    def sharpened(self) -> bool:
        if self._is_final:
            return False
        self._is_final = True
        if not _is_vague(self._estimates, self._float64_rounding):
            return False
        sharp = _sharp_enclosure(self._problem, self._float64_rounding)
        if not isinstance(sharp, LazyEstimates):
            return False  # sharper products reach a kink that plain products do not
        self._estimates = sharp
        return True


def _sharp_enclosure(problem: Problem, float64_rounding: Rounding) -> Mapping[str, Estimate]:
    return enclosed(problem, float64_rounding.kinks, ready=sharp_factors)


@np.errstate(all="ignore")
def _is_vague(estimates: Mapping[str, Estimate], float64_rounding: Rounding) -> bool:
    """True if some entry is known, but only vaguely; overflow and subdifferentials do not count."""
    if any(estimate.slopes is not None for estimate in estimates.values()):
        return False
    return any(_has_vague_entry(estimate, name, float64_rounding) for name, estimate in estimates.items())


def _has_vague_entry(estimate: Estimate, name: str, float64_rounding: Rounding) -> bool:
    is_vague = np.isfinite(estimate.error) & (
        estimate.error > np.maximum(VAGUE * np.abs(estimate.value), UNDERFLOW)
    )
    return bool(is_vague.any() and (is_vague & (estimate.error > VAGUE * float64_rounding.scale[name])).any())
