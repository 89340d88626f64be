"""The loss that a submission reports, held against the problem's own."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from verifier.report import LossReport
from verifier.tolerance import Tolerance
from verifier.verdict import Verdict


def judge_loss(
    value: float,
    uncertainty: float,
    rounding: float,
    reported: float | None,
    tolerance: Tolerance,
    graded_under: Mapping[str, Any],
) -> LossReport:
    """Judge a reported loss, which may be absent.

    uncertainty: what honest float64 arithmetic may lose of `value`. rounding: likewise in the submission's
    precision.
    """
    verdict = None
    if reported is not None:
        slack = uncertainty + rounding
        slack += tolerance.rtol * abs(value) + tolerance.atol
        if not np.isfinite(value) or not np.isfinite(slack):
            verdict = Verdict.UNDECIDED
        else:
            verdict = Verdict.CORRECT if abs(reported - value) <= slack else Verdict.INCORRECT
    return LossReport(
        value=value, uncertainty=uncertainty, graded_under=graded_under, reported=reported, verdict=verdict
    )
