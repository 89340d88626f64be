"""Compute the severity of each entry, the scale of all figures: log10(error / threshold)."""

import numpy as np

from reference_impl.array import Array
from verifier.report import Entries

END = 8.0  # larger values are drawn at the end of the scale
_UNDECIDED = 5e-324  # rank between all correct and all wrong entries


def severities(entries: Entries) -> Array:
    """Return the severities: −inf for an error of 0, inf for NaN and infinities, NaN for undecided."""
    with np.errstate(all="ignore"):
        tolerance = entries.tolerance
        error = np.where(np.isfinite(entries.difference), np.abs(entries.difference), np.inf)
        quotient = np.where(error == 0, 0.0, error / tolerance)
        return np.where(np.isnan(tolerance), np.nan, np.log10(quotient))


def ranks(severity: Array) -> Array:
    """Return ranks of entries, the worst one highest: wrong, undecided, correct."""
    return np.where(np.isnan(severity), _UNDECIDED, severity)


def on_scale(severity: Array) -> Array:
    """Return the severity clipped to the ends of the scale; NaN stays NaN."""
    return np.clip(severity, -END, END)
