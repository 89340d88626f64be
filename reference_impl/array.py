"""The one array type of the reference: a numpy array of floating numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def frozen(values: npt.ArrayLike) -> Array:
    """Give a read-only float64 view of `values`, so that frozen data stay so; copies only to convert."""
    array = np.asarray(values, dtype=np.float64)
    view = array.view()
    view.setflags(write=False)
    return view
