"""From a comparison's arrays to one parameter's findings, in the submission's own layout."""

from dataclasses import asdict
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.comparison import Comparison
from verifier.convention import Convention, as_submitted
from verifier.report import Entries, Entry, ParameterReport
from verifier.statistics import Summary, summarize
from verifier.verdict import Verdict, of_parameter

MOST_WORST = 10


def report_parameter(
    name: str, comparison: Comparison, convention: Convention, whole_arrays: bool
) -> ParameterReport:
    """Return a parameter's counts, figures, and the worst entries that are not correct to rounding."""

    def laid_out(array: Array) -> Array:
        return as_submitted(name, array, convention)

    entries = None
    if whole_arrays:
        submitted, expected = laid_out(comparison.submitted), laid_out(comparison.expected)
        with np.errstate(all="ignore"):
            tolerance = laid_out(np.where(comparison.undecided, np.nan, comparison.tolerance))
            entries = Entries(expected, submitted, submitted - expected, tolerance)
    return report_summary(
        name,
        summarize(comparison),
        tuple(laid_out(comparison.submitted).shape),
        _worst(comparison, laid_out),
        entries,
    )


def report_summary(
    name: str,
    summary: Summary,
    shape: tuple[int, ...],
    worst: tuple[Entry, ...] = (),
    entries: Entries | None = None,
) -> ParameterReport:
    """Return the report of a parameter. shape: in the submission's own layout."""
    verdict = of_parameter(summary.incorrect, summary.undecided)
    return ParameterReport(name, shape, verdict, **asdict(summary), worst=worst, entries=entries)


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
