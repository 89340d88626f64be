"""The one array type of the reference: a numpy array of floating numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def row_sums(values: Array) -> Array:
    """Sum along the last axis, by a product with ones: rows are many and short."""
    width = values.shape[-1]
    return np.asarray(values.reshape(-1, width).dot(np.ones(width)).reshape(values.shape[:-1]))


def frozen(values: npt.ArrayLike) -> Array:
    """Give a read-only float64 view of `values`, so that frozen data stay so; copies only to convert."""
    array = np.asarray(values, dtype=np.float64)
    view = array.view()
    view.setflags(write=False)
    return view
