"""Sums of the absolute values of the terms of a graph's numbers, which their rounding errors scale with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.activations import Activation
from reference_impl.array import Array
from reference_impl.losses import Terms
from reference_impl.softmax import softmax
from verifier.engine.arithmetic import FLOATS, Numbers, largest_shares, steepest_slope
from verifier.engine.autodiff import Kinks, requested_gradients, values_of
from verifier.problem.graph import GraphProblem, Shape


@dataclass(frozen=True, slots=True, eq=False)
class Magnitude:
    """Numbers, and the sums of the absolute values of their terms. Both have one shape."""

    value: Array
    size: Array


class MagnitudeArithmetic(Numbers):
    """Evaluate formulas with the sums of the absolute values of the terms."""

    finishes_sums = True

    def constant(self, values: Array) -> Magnitude:
        return Magnitude(values, np.abs(values))

    def shape(self, x: Magnitude) -> Shape:
        return tuple(x.value.shape)

    def finish_sum(self, x: Magnitude) -> Magnitude:
        return self.constant(x.value)

    def plus(self, x: Magnitude, y: Magnitude) -> Magnitude:
        return Magnitude(x.value + y.value, x.size + y.size)

    def negative(self, x: Magnitude) -> Magnitude:
        return Magnitude(-x.value, x.size)

    def times(self, x: Magnitude, y: Magnitude) -> Magnitude:
        return Magnitude(x.value * y.value, x.size * y.size)

    def divided(self, x: Magnitude, y: Magnitude) -> Magnitude:
        return Magnitude(x.value / y.value, x.size / np.abs(y.value))

    def scaled(self, x: Magnitude, factor: float, divisor: int = 1) -> Magnitude:
        by = factor / divisor
        return Magnitude(x.value * by, x.size * abs(by))

    def matmul(self, x: Magnitude, y: Magnitude) -> Magnitude:
        return Magnitude(x.value @ y.value, x.size @ y.size)

    def total(self, x: Magnitude, axes: tuple[int, ...], keepdims: bool = False) -> Magnitude:
        if not axes:
            return x
        return Magnitude(FLOATS.total(x.value, axes, keepdims), FLOATS.total(x.size, axes, keepdims))

    def move(self, function: Callable[..., Array], *x: Magnitude) -> Magnitude:
        return Magnitude(
            np.asarray(function(*(number.value for number in x))),
            np.asarray(function(*(number.size for number in x))),
        )

    def gathered(self, u: Magnitude, places: Array, rows: int) -> Magnitude:
        return Magnitude(FLOATS.gathered(u.value, places, rows), FLOATS.gathered(u.size, places, rows))

    def applied(self, function: Activation, x: Magnitude) -> Magnitude:
        return self.constant(FLOATS.applied(function, x.value))

    def activation_vjp(
        self, function: Activation, x: Magnitude, u: Magnitude, kinks: Array | None
    ) -> Magnitude:
        value = function.vjp(x.value, u.value)
        size = np.abs(value)
        if function.name == "log_softmax":
            return self.log_softmax_vjp(x, u)
        if function.derivative is None:  # softmax: terms of the same upstream gradient may cancel
            p = softmax(x.value)
            size = p * (u.size + (p * u.size).sum(axis=-1, keepdims=True))
        if kinks is not None:
            size = np.where(kinks, np.maximum(size, steepest_slope(function) * np.abs(u.value)), size)
        return Magnitude(value, size)

    def log_softmax(self, x: Magnitude) -> Magnitude:
        return self.constant(FLOATS.log_softmax(x.value))

    def log_softmax_vjp(self, x: Magnitude, u: Magnitude) -> Magnitude:
        size = u.size + softmax(x.value) * u.size.sum(axis=-1, keepdims=True)
        return Magnitude(FLOATS.log_softmax_vjp(x.value, u.value), size)

    def maximum(self, x: Magnitude, axes: tuple[int, ...], keepdims: bool) -> Magnitude:
        return self.constant(FLOATS.maximum(x.value, axes, keepdims))

    def maximum_vjp(
        self, x: Magnitude, u: Magnitude, axes: tuple[int, ...], kinks: Array | None
    ) -> Magnitude:
        shares = largest_shares(x.value, axes)
        return Magnitude(
            u.value * shares, u.size * (shares if kinks is None else np.where(kinks, 1.0, shares))
        )

    def losses(self, terms: Terms, f: Magnitude, y: Array) -> Magnitude:
        return self.total(self.constant(terms.value(f.value, y)), (-1,))

    def loss_gradient(self, terms: Terms, f: Magnitude, y: Array, kinks: Array | None = None) -> Magnitude:
        return self.constant(terms.gradient(f.value, y))


@np.errstate(all="ignore")  # overflow gives infinite magnitudes, which the comparison handles
def gradient_magnitudes(problem: GraphProblem, kinks: Kinks) -> Mapping[str, Array]:
    """Return Σ |contributions| to each entry of the requested gradients, by name.

    kinks: by node, where the steepest slope counts.
    """
    arithmetic = MagnitudeArithmetic()
    values: Any = values_of(problem, arithmetic)
    gradients = requested_gradients(problem, values, arithmetic, kinks)
    return {key: gradient.size for key, gradient in gradients.items()}
