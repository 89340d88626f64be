"""Convert arrays of other libraries to numpy."""

from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import without_tensors
from verifier.importers.refusal import refused


def array_of(value: Any) -> Array:
    """Return a numpy array; bfloat16 as float32. Raises: ImportRefused for ragged lists."""
    value = without_tensors(value)
    if type(value).__module__.startswith("keras"):  # a Keras variable
        return array_of(value.value)
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        raise refused("", "an array, all rows equally long", "rows of different lengths") from None
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
