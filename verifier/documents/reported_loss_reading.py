"""The loss that a submission says it has; it may be no finite number."""

from typing import Any

import numpy as np

from verifier.documents.arrays import NON_FINITE
from verifier.documents.mistakes import Mistakes, read_number


def read_reported_loss(value: Any, mistakes: Mistakes) -> float | None:
    if value is None:
        return None
    if isinstance(value, str) and value in NON_FINITE:
        return NON_FINITE[value]
    if isinstance(value, float | np.floating) and not np.isfinite(value):
        return float(value)
    return read_number(value, "/reported_loss", mistakes)
