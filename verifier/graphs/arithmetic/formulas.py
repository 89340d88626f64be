"""Textbook formulas over any field, such as complex numbers and power series; forward only."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference_impl.activations import Activation
from reference_impl.array import Array
from reference_impl.losses import Terms
from verifier.complex_field import COMPLEX
from verifier.engine.functions.formulas import Field, function_formula, log_softmax_formula, loss_formula
from verifier.graphs.arithmetic.numbers import Numbers


class Formulas(Numbers):
    """Evaluate textbook formulas. real_part: returns the numbers that the maximum compares."""

    def __init__(self, field: Field, real_part: Callable[[Array], Array]) -> None:
        self._field, self._real_part = field, real_part

    def scaled(self, x: Any, factor: float, divisor: int = 1) -> Any:
        return x * factor / divisor

    def applied(self, function: Activation, x: Any) -> Any:
        return function_formula(function, self._field, x)

    def log_softmax(self, x: Any) -> Any:
        return log_softmax_formula(self._field, x)

    def maximum(self, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
        kept = [axis for axis in range(-x.ndim, 0) if axis not in axes]
        rows = x.transpose(*kept, *axes).reshape(*(x.shape[axis] for axis in kept), -1)
        index = self._real_part(rows).argmax(axis=-1)[..., None]
        largest = np.take_along_axis(rows, index, axis=-1)[..., 0]
        return np.expand_dims(largest, axes) if keepdims else largest

    def losses(self, terms: Terms, f: Any, y: Array) -> Any:
        return loss_formula(terms, self._field, f, y).sum(axis=-1)


COMPLEX_NUMBERS = Formulas(COMPLEX, np.real)
