"""One parameter's submitted gradient held against the reference, entry by entry.

An entry is correct when |submitted − expected| ≤ uncertainty + rounding + rtol · scale + atol, where at a
kink `expected` is the nearest slope of the subdifferential. Two guards keep slack from certifying anything:
an entry that only atol would pass, and that 0 would pass as well, is undecided; and a reference that is
itself vaguer than the tolerance decides nothing.
"""

from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from verifier.estimate import Estimate
from verifier.tolerance import Tolerance

UNDERFLOWN = 2.0**-1000  # an uncertainty of underflow alone decides for what equals the reference
LOOSE = 1e3  # a bound may exceed the rounding expected by so much; it is a bound
RESOLUTION = 1e-6  # of an entry's scale: an uncertainty up to it decides, whatever the tolerance
END = 2.0**-40  # of a kink's slopes: what their ends may be off by


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All arrays have the parameter's shape. expected: the right value nearest to the submitted one.

    tolerance: the right side of the inequality above. vague: undecided since the uncertainty is too large.
    excused: undecided since only atol would pass it, and 0 as well.
    to_rounding: correct within uncertainty and rounding alone.
    subgradient: a kink makes several slopes right, all from `low` to `high`; both are `expected` elsewhere.
    nonzero: `expected` can be told from 0. uninformative: the true gradient is zero.
    """

    submitted: Array
    expected: Array
    uncertainty: Array
    tolerance: Array
    error: Array
    correct: Array
    incorrect: Array
    undecided: Array
    vague: Array
    excused: Array
    to_rounding: Array
    subgradient: Array
    low: Array
    high: Array
    nonzero: Array
    uninformative: Array


def compare(
    submitted: Array,
    reference: Estimate,
    rounding: Array,
    scale: Array,
    disputed: Array,
    tolerance: Tolerance,
) -> Comparison:
    """Judge every entry. NaN and infinities are incorrect wherever the reference is known."""
    with np.errstate(all="ignore"):
        low, high, expected = _nearest_right(submitted, reference)
        slopes: Array | float = 0.0 if reference.slopes is None else reference.slopes
        uncertainty = reference.error
        slack = rounding + tolerance.rtol * scale
        allowed = uncertainty + slack + tolerance.atol
        error = np.abs(submitted - expected)
        sharply = error <= uncertainty  # whatever rounding may lose here, this is right; False for NaN
        known = (
            np.isfinite(expected) & np.isfinite(uncertainty) & ~disputed & (sharply | np.isfinite(allowed))
        )
        within = sharply | (error <= allowed)
        underflown = (error == 0) & (uncertainty <= UNDERFLOWN * max(1.0, float(scale.max(initial=0.0))))
        enough = np.fmax(np.fmax(slack, LOOSE * rounding), RESOLUTION * (scale + slopes))
        # where rounding may change more than there is in the whole parameter, it excuses nothing
        largest = np.fmax.reduce(scale + slopes, axis=None, initial=0.0)
        drowned = ((error > 0) & (uncertainty > largest)) | (~sharply & (rounding > largest))
        vague = known & within & ((~underflown & ~(uncertainty <= enough)) | drowned)
        excused = within & (error > uncertainty + slack) & (np.abs(expected) <= allowed)
        undecided = ~known | vague | excused
        return Comparison(
            submitted=submitted,
            expected=expected,
            uncertainty=uncertainty,
            tolerance=allowed,
            error=error,
            correct=within & ~undecided,
            incorrect=~within & ~undecided,
            undecided=undecided,
            vague=vague | (~known & ~disputed),
            excused=excused,
            to_rounding=~undecided & (sharply | (error <= uncertainty + rounding)),
            subgradient=np.broadcast_to(slopes, submitted.shape) > 0,
            low=low,
            high=high,
            nonzero=np.abs(expected) > uncertainty + END * slopes,
            uninformative=known & (reference.value == 0) & (slopes == 0),
        )


def _nearest_right(submitted: Array, reference: Estimate) -> tuple[Array, Array, Array]:
    """Give the least and the largest right value of each entry, and the one nearest to the submitted."""
    value, slopes = reference.value, reference.slopes
    if slopes is None:
        return value, value, value
    low, high = value - slopes, value + slopes
    nearest = np.clip(submitted, low, high)
    return low, high, np.where(np.isnan(submitted) | (slopes == 0), value, nearest)
