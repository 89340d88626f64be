"""The loss that a submission reports, held against the problem's own."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from verifier.report import LossReport
from verifier.tolerance import Tolerance
from verifier.verdict import Verdict


class Reported(Protocol):
    """A submission, of layers or a graph, as far as its loss goes."""

    @property
    def reported_loss(self) -> float | None: ...
    @property
    def tolerance(self) -> Tolerance: ...
    @property
    def graded_under(self) -> Mapping[str, Any]: ...


class Lost(Protocol):
    """A risk, and what honest arithmetic of some precision may lose of it."""

    @property
    def risk(self) -> float: ...
    @property
    def loss(self) -> float: ...


def judge_loss(submission: Reported, honest: Lost, allowed: Lost) -> LossReport:
    """Judge a reported loss, which may be absent.

    honest: in float64. allowed: in the submission's precision.
    """
    value, uncertainty, reported, verdict = honest.risk, honest.loss, submission.reported_loss, None
    if reported is not None:
        tolerance = submission.tolerance
        slack = uncertainty + allowed.loss
        slack += tolerance.rtol * abs(value) + tolerance.atol
        if not np.isfinite(value) or not np.isfinite(slack):
            verdict = Verdict.UNDECIDED
        else:
            verdict = Verdict.CORRECT if abs(reported - value) <= slack else Verdict.INCORRECT
    return LossReport(
        value=value,
        uncertainty=uncertainty,
        graded_under=submission.graded_under,
        reported=reported,
        verdict=verdict,
    )
