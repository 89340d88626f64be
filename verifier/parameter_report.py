"""From a comparison's arrays to one parameter's findings, in the submission's own layout."""

from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.comparison import Comparison
from verifier.convention import Convention, as_submitted
from verifier.report import Entries, Entry, ParameterReport
from verifier.rounding_arithmetic import scale_of
from verifier.verdict import Verdict, of_parameter

MOST_WORST = 10


def report_parameter(
    name: str, comparison: Comparison, convention: Convention, whole_arrays: bool
) -> ParameterReport:
    """Count, measure, and pick the worst entries that are not correct to rounding."""

    def laid_out(array: Array) -> Array:
        return as_submitted(name, array, convention)

    submitted = laid_out(comparison.submitted)
    expected = laid_out(comparison.expected)
    incorrect, undecided = int(comparison.incorrect.sum()), int(comparison.undecided.sum())
    entries = None
    if whole_arrays:
        with np.errstate(all="ignore"):
            tolerance = laid_out(np.where(comparison.undecided, np.nan, comparison.tolerance))
            entries = Entries(expected, submitted, submitted - expected, tolerance)
    return ParameterReport(
        name=name,
        shape=tuple(submitted.shape),
        verdict=of_parameter(incorrect, undecided),
        correct=int(comparison.correct.sum()),
        incorrect=incorrect,
        undecided=undecided,
        uninformative=int(comparison.uninformative.sum()),
        to_rounding=int(comparison.to_rounding.sum()),
        subgradients=int(comparison.subgradient.sum()),
        zeros=int((submitted == 0).sum()),
        worst=_worst(comparison, laid_out),
        entries=entries,
        **_measures(comparison),
    )


def _measures(comparison: Comparison) -> dict[str, float | None]:
    """Give the figures that people know, over the whole parameter; None where a quotient is 0/0."""
    submitted, expected = comparison.submitted.ravel(), comparison.expected.ravel()
    with np.errstate(all="ignore"):
        relative = comparison.error / np.abs(comparison.expected)
        relative = np.where(comparison.error == 0, 0.0, relative)
        relative = relative[comparison.nonzero | (comparison.error == 0)]
        # scaled to about 1 first, so that squares of huge or tiny entries neither overflow nor vanish
        own, unit = scale_of(submitted), scale_of(expected)
        both = max(unit, own)
        s, e = submitted / own, expected / unit
        norm_s, norm_e = float(np.linalg.norm(s)), float(np.linalg.norm(e))
        difference = float(np.linalg.norm(submitted / both - expected / both))
        return {
            "max_abs_error": float(np.max(comparison.error, initial=0.0)),
            "max_rel_error": float(np.max(relative)) if relative.size else None,
            "relative_norm_error": _quotient(difference, norm_s * (own / both) + norm_e * (unit / both)),
            "cosine": _quotient(float(s @ e), norm_s * norm_e),
            "ratio": _quotient(norm_s * (own / unit), norm_e),
        }


def _quotient(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def _worst(comparison: Comparison, laid_out: Any) -> tuple[Entry, ...]:
    """Order by error over tolerance, NaN and infinities first; entries correct to rounding are left out."""
    with np.errstate(all="ignore"):
        severity = np.where(
            comparison.to_rounding & comparison.correct, -1.0, comparison.error / comparison.tolerance
        )
    severity = laid_out(np.where(np.isnan(severity), np.inf, severity))
    flat = severity.ravel()
    count = min(MOST_WORST, int((flat >= 0).sum()))
    if count == 0:
        return ()
    candidates = np.argpartition(-flat, count - 1)[:count]
    candidates = candidates[np.lexsort((candidates, -flat[candidates]))]
    arrays = {
        field: laid_out(array)
        for field, array in {
            "submitted": comparison.submitted,
            "expected": comparison.expected,
            "uncertainty": comparison.uncertainty,
            "tolerance": comparison.tolerance,
            "abs_error": comparison.error,
            "incorrect": comparison.incorrect,
            "undecided": comparison.undecided,
            "subgradient": comparison.subgradient,
            "low": comparison.low,
            "high": comparison.high,
            "nonzero": comparison.nonzero,
        }.items()
    }
    return tuple(_entry(arrays, np.unravel_index(int(i), severity.shape)) for i in candidates)


def _entry(arrays: dict[str, Array], index: tuple[Any, ...]) -> Entry:
    expected, error = float(arrays["expected"][index]), float(arrays["abs_error"][index])
    kinked = arrays["subgradient"][index]
    decided = Verdict.INCORRECT if arrays["incorrect"][index] else Verdict.CORRECT
    return Entry(
        index=tuple(int(i) for i in index),
        verdict=Verdict.UNDECIDED if arrays["undecided"][index] else decided,
        submitted=float(arrays["submitted"][index]),
        expected=expected,
        uncertainty=float(arrays["uncertainty"][index]),
        tolerance=float(arrays["tolerance"][index]),
        abs_error=error,
        rel_error=error / abs(expected) if arrays["nonzero"][index] else None,
        subgradient=bool(kinked),
        slopes=(float(arrays["low"][index]), float(arrays["high"][index])) if kinked else None,
    )
