"""The values of nodes: whole arrays of float64, or of complex128 for complex numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from reference_impl.graph.errors import OperandError

Array = npt.NDArray[Any]

NUMERIC_KINDS = "biufc"
"""numpy's letters for booleans, signed and unsigned integers, floating-point and complex numbers."""


def as_array(value: npt.ArrayLike) -> Array:
    """Return `value` as float64, or as complex128 if it is complex; copy only to convert.

    Raises OperandError if `value` is not made of numbers.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise OperandError(f"{value!r} is not an array: its rows differ in length; pad them") from error
    if array.dtype.kind not in NUMERIC_KINDS:
        raise OperandError(f"{value!r} is not made of numbers: give a number or an array of numbers")
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64, copy=False)


def frozen(array: Array) -> Array:
    """Return a read-only view, which nodes may share."""
    view = array.view()
    view.setflags(write=False)
    return view


def sum_to_shape(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Return `gradient` summed to `shape`: the transpose of broadcasting from `shape`.

    The gradients of all the copies that broadcasting made of an entry add up.
    """
    if gradient.shape == shape:
        return gradient
    added_in_front = gradient.ndim - len(shape)
    stretched = (added_in_front + axis for axis, size in enumerate(shape) if size == 1)
    axes = (*range(added_in_front), *stretched)
    return np.asarray(gradient.sum(axis=axes)).reshape(shape)
