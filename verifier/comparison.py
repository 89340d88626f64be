"""One parameter's submitted gradient held against the reference, entry by entry.

An entry is correct when |submitted − expected| ≤ uncertainty + rounding + rtol · scale + atol.
"""

from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from verifier.estimate import Estimate
from verifier.tolerance import Tolerance


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All arrays have the parameter's shape. tolerance: the right side of the inequality above.

    to_rounding: correct within uncertainty and rounding alone. uninformative: the true gradient is zero.
    """

    submitted: Array
    expected: Estimate
    tolerance: Array
    error: Array
    correct: Array
    incorrect: Array
    undecided: Array
    to_rounding: Array
    uninformative: Array


def compare(
    submitted: Array, expected: Estimate, rounding: Array, scale: Array, disputed: Array, tolerance: Tolerance
) -> Comparison:
    """Judge every entry.

    Undecided are entries that oracles dispute, whose reference is unknown, or whose uncertainty exceeds all
    else that is allowed, unless the submission lies beyond even that.
    """
    with np.errstate(all="ignore"):
        slack = rounding + tolerance.rtol * scale + tolerance.atol
        known = np.isfinite(expected.value) & np.isfinite(expected.error) & np.isfinite(slack) & ~disputed
        allowed = expected.error + slack
        error = np.abs(submitted - expected.value)
        within = error <= allowed  # False for NaN
        undecided = ~known | (within & (expected.error > slack))
        return Comparison(
            submitted=submitted,
            expected=expected,
            tolerance=allowed,
            error=error,
            correct=within & ~undecided,
            incorrect=~within & ~undecided,
            undecided=undecided,
            to_rounding=~undecided & (error <= expected.error + rounding),
            uninformative=known & (expected.value == 0),
        )
