"""The reference's own δ recursion, enclosed: the true gradient lies within the error, proved."""

from collections.abc import Mapping

import numpy as np

from reference_impl.problem import Problem
from verifier.enclosure.estimates import enclosed
from verifier.enclosure.sharp_product import sharp_matmul
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
    if _is_vague(found, honest):
        found = enclosed(problem, honest.kinks, product=sharp_matmul)
    return Answer(found, Uncertainty.BOUND)


@np.errstate(all="ignore")
def _is_vague(found: Mapping[str, Estimate], honest: Rounding) -> bool:
    """Say whether some entry is known, but not well; overflow and sets of slopes get no better."""
    if any(own.slopes is not None for own in found.values()):
        return False
    return any(_some_beyond(own, name, honest) for name, own in found.items())


def _some_beyond(own: Estimate, name: str, honest: Rounding) -> bool:
    vague = np.isfinite(own.error) & (own.error > np.maximum(VAGUE * np.abs(own.value), UNDERFLOW))
    return bool(vague.any() and (vague & (own.error > VAGUE * honest.scale[name])).any())
