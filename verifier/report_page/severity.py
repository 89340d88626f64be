"""How far off each number is, on one scale for all figures: log10(error / threshold)."""

import numpy as np

from reference_impl.array import Array
from verifier.report import Entries

END = 8.0  # what lies further out is drawn at the end of the scale
_UNDECIDED = 5e-324  # among the worst: beyond whatever is correct, before whatever is wrong


def severities(entries: Entries) -> Array:
    """Give the scale's values: −inf where nothing is off, inf for NaN and infinities, NaN for undecided."""
    with np.errstate(all="ignore"):
        tolerance = entries.tolerance
        error = np.where(np.isfinite(entries.difference), np.abs(entries.difference), np.inf)
        quotient = np.where(error == 0, 0.0, error / tolerance)
        return np.where(np.isnan(tolerance), np.nan, np.log10(quotient))


def ranks(severity: Array) -> Array:
    """Give what orders entries, the worst highest: wrong, undecided, right."""
    return np.where(np.isnan(severity), _UNDECIDED, severity)


def on_scale(severity: Array) -> Array:
    """Cut off at the scale's ends; NaN stays."""
    return np.clip(severity, -END, END)
