"""Read the document's `reported_loss`, which may be NaN or infinite."""

from typing import Any

import numpy as np

from verifier.documents.arrays import NON_FINITE
from verifier.documents.mistakes import Mistakes, read_number


def read_reported_loss(value: Any, mistakes: Mistakes) -> float | None:
    """Return the reported loss; None if it is absent or malformed."""
    if value is None:
        return None
    if isinstance(value, str) and value in NON_FINITE:
        return NON_FINITE[value]
    if isinstance(value, float | np.floating) and not np.isfinite(value):
        return float(value)
    return read_number(value, "/reported_loss", mistakes)
