"""One parameter's submitted gradient compared with the reference, entry by entry.

An entry is correct when |submitted − expected| ≤ uncertainty + rounding + rtol · scale + atol, where at a
kink `expected` is the nearest slope of the subdifferential. Three guards keep slack from certifying
anything. An entry that passes only by rtol or atol is undecided where they would also pass 0. So is one
that is farther off than rounding, but not by `DOUBTFUL` times, in a format narrower than float64: rounding
there is estimated. A reference that is itself vaguer than the tolerance decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from reference_impl.array import Array
from verifier.engine.estimate import Estimate
from verifier.problem.precision import Precision
from verifier.problem.submission import Tolerance
from verifier.report.model import LossReport
from verifier.report.verdict import Verdict

UNDERFLOW_ONLY = 2.0**-1000  # an uncertainty of underflow alone decides for what equals the reference
MAX_BOUND_OVER_ROUNDING = 1e3  # a bound may exceed the rounding expected by so much; it is a bound
RESOLUTION = 1e-6  # of an entry's scale: an uncertainty up to it decides, whatever the tolerance
# Times the rounding allowance: an error up to it may still be rounding. On structured batches of up to 4,096
# examples and 12 layers it reached 0.6 in float32, and 2.0 in float16, where errors are not small any more.
DOUBTFUL = MappingProxyType({"float64": 1.0, "float32": 1.5, "float16": 8.0, "bfloat16": 8.0})
SUBGRADIENT_END_RTOL = 2.0**-40  # of a kink's slopes: what their ends may be off by


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All arrays have the parameter's shape. expected: the right value nearest to the submitted one.

    tolerance: the right side of the inequality above. vague: undecided since the uncertainty is too large.
    excused: undecided since only rtol or atol would pass it, and 0 as well. by_atol: those that need atol.
    doubtful: undecided since it is little more than rounding away. inconsistent: undecided since no choice of
    slopes at kinks was found that gives it along with the others.
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
    by_atol: Array
    doubtful: Array
    inconsistent: Array
    to_rounding: Array
    subgradient: Array
    low: Array
    high: Array
    nonzero: Array
    uninformative: Array


def decisive_error(scale: Array, rounding: Array) -> Array:
    """Return the largest error of a reference that decides an entry, whatever the tolerance."""
    return np.asarray(np.fmax(MAX_BOUND_OVER_ROUNDING * rounding, RESOLUTION * scale))


def compare(
    submitted: Array,
    reference: Estimate,
    rounding: Array,
    scale: Array,
    disputed: Array,
    tolerance: Tolerance,
    doubt: float = 1.0,
    decisive: float = 0.0,
) -> Comparison:
    """Judge every entry. NaN and infinities are incorrect wherever the reference is known.

    doubt: up to how many times `rounding` an error may still be rounding; `DOUBTFUL` for narrow formats.
    decisive: an uncertainty that decides, however small the entry is.
    """
    with np.errstate(all="ignore"):
        low, high, expected = _nearest_right(submitted, reference)
        subgradient_radius: Array | float = (
            0.0 if reference.subgradient_radius is None else reference.subgradient_radius
        )
        uncertainty = reference.error
        slack = rounding + tolerance.rtol * scale
        max_error = uncertainty + slack + tolerance.atol
        error = np.abs(submitted - expected)
        sharply = error <= uncertainty  # whatever rounding may lose here, this is right; False for NaN
        known = (
            np.isfinite(expected) & np.isfinite(uncertainty) & ~disputed & (sharply | np.isfinite(max_error))
        )
        within = sharply | (error <= max_error)
        underflown = (error == 0) & (uncertainty <= UNDERFLOW_ONLY * max(1.0, float(scale.max(initial=0.0))))
        enough = np.fmax(np.fmax(slack, decisive_error(scale + subgradient_radius, rounding)), decisive)
        # where rounding may change more than there is in the whole parameter, it excuses nothing
        largest = np.fmax.reduce(scale + subgradient_radius, axis=None, initial=decisive)
        drowned = ((error > 0) & (uncertainty > largest)) | (~sharply & (rounding > largest))
        vague = known & within & ((~underflown & ~(uncertainty <= enough)) | drowned)
        excused = within & (error > uncertainty + rounding) & (np.abs(expected) <= max_error)
        doubtful = known & ~within & (error <= max_error + (doubt - 1.0) * rounding)
        undecided = ~known | vague | excused | doubtful
        return Comparison(
            submitted=submitted,
            expected=expected,
            uncertainty=uncertainty,
            tolerance=max_error,
            error=error,
            correct=within & ~undecided,
            incorrect=~within & ~undecided,
            undecided=undecided,
            vague=vague | (~known & ~disputed),
            excused=excused,
            by_atol=excused & (error > uncertainty + slack),
            doubtful=doubtful,
            inconsistent=np.zeros_like(within),
            to_rounding=~undecided & is_within(error, uncertainty, rounding),
            subgradient=np.broadcast_to(subgradient_radius, submitted.shape) > 0,
            low=low,
            high=high,
            nonzero=np.abs(expected) > uncertainty + SUBGRADIENT_END_RTOL * subgradient_radius,
            uninformative=known & (reference.value == 0) & (subgradient_radius == 0),
        )


def is_within(error: Array, uncertainty: Array, slack: Array) -> Array:
    """True where an error is at most its uncertainty, or uncertainty and slack, which may be unknown."""
    return np.asarray((error <= uncertainty) | (error <= uncertainty + slack))


def doubt_in(precision: Precision) -> float:
    """Return how many times the rounding allowance an error may have and still be rounding."""
    return DOUBTFUL[precision.name]


def undecided_where_all_is_zero(comparisons: Mapping[str, Comparison]) -> dict[str, Comparison]:
    """Return the comparisons, all undecided if the whole true gradient is zero: zeros prove nothing."""
    rows = comparisons.values()
    if not comparisons or not all(row.uninformative.all() and not row.incorrect.any() for row in rows):
        return dict(comparisons)
    return {
        name: replace(
            row,
            correct=np.zeros_like(row.correct),
            to_rounding=np.zeros_like(row.to_rounding),
            undecided=np.ones_like(row.undecided),
        )
        for name, row in comparisons.items()
    }


def _nearest_right(submitted: Array, reference: Estimate) -> tuple[Array, Array, Array]:
    """Return the least and the largest correct value of each entry, and the one nearest to the submitted."""
    value, subgradient_radius = reference.value, reference.subgradient_radius
    if subgradient_radius is None:
        return value, value, value
    low, high = value - subgradient_radius, value + subgradient_radius
    nearest = np.clip(submitted, low, high)
    return low, high, np.where(np.isnan(submitted) | (subgradient_radius == 0), value, nearest)


class LossSubmission(Protocol):
    """A submission, of layers or a graph, as far as its loss goes."""

    @property
    def reported_loss(self) -> float | None: ...
    @property
    def tolerance(self) -> Tolerance: ...
    @property
    def graded_under(self) -> Mapping[str, Any]: ...


class RiskRounding(Protocol):
    """A risk, and its rounding error in some precision."""

    @property
    def risk(self) -> float: ...
    @property
    def risk_error(self) -> float: ...


def judge_loss(
    submission: LossSubmission, float64_rounding: RiskRounding, rounding_allowance: RiskRounding
) -> LossReport:
    """Judge a reported loss, which may be absent.

    float64_rounding: in float64. rounding_allowance: in the submission's precision.
    """
    value, uncertainty, reported, verdict = (
        float64_rounding.risk,
        float64_rounding.risk_error,
        submission.reported_loss,
        None,
    )
    if reported is not None:
        tolerance = submission.tolerance
        slack = uncertainty + rounding_allowance.risk_error
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
