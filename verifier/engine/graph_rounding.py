"""Estimate rounding errors on a graph, node by node (for layers: `rounding_allowance.py`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from typing import Any

import numpy as np

from reference_impl.activations import Activation
from reference_impl.array import Array
from reference_impl.losses import Terms
from reference_impl.softmax import log_softmax, log_softmax_vjp, softmax
from verifier.engine.arithmetic import FLOATS, Numbers, largest_shares, steepest_slope
from verifier.engine.autodiff import BatchedValues, Kinks, reached_kinks, requested_gradients, values_of
from verifier.engine.functions.softmax_properties import log_softmax_magnification, log_softmax_vjp_variance
from verifier.engine.magnitudes import gradient_magnitudes
from verifier.engine.rounding import DEVIATIONS, RoundingArithmetic, scale_of
from verifier.engine.rounding_allowance import ALIKE, STORED
from verifier.problem.graph import GraphProblem, Shape
from verifier.problem.precision import Precision

_SQUARES_UNDERFLOW = 1e-140  # a smaller square may have underflowed


@dataclass(frozen=True, slots=True, eq=False)
class RoundedValue:
    """Numbers with the standard deviations of their rounding errors."""

    value: Array
    deviation: Array


class GraphRoundingArithmetic(Numbers):
    """Evaluate formulas with the rounding error of an evaluation in `precision`."""

    finishes_sums = True

    def __init__(self, precision: Precision, independent: bool = False) -> None:
        self._rounding = RoundingArithmetic(precision, independent)

    def constant(self, values: Array) -> RoundedValue:
        return RoundedValue(values, self._rounding.converted(values))

    def shape(self, x: RoundedValue) -> Shape:
        return tuple(x.value.shape)

    def finish_sum(self, x: RoundedValue) -> RoundedValue:
        deviation = np.hypot(x.deviation, (STORED - 1.0) * self._rounding.stored(x.value))
        return RoundedValue(x.value, deviation)

    def plus(self, x: RoundedValue, y: RoundedValue) -> RoundedValue:
        return self._with_rounding(x.value + y.value, x.deviation + y.deviation)

    def negative(self, x: RoundedValue) -> RoundedValue:
        return RoundedValue(-x.value, x.deviation)

    def times(self, x: RoundedValue, y: RoundedValue) -> RoundedValue:
        deviation = np.abs(x.value) * y.deviation + np.abs(y.value) * x.deviation
        return self._with_rounding(x.value * y.value, deviation)

    def divided(self, x: RoundedValue, y: RoundedValue) -> RoundedValue:
        value, divisor = x.value / y.value, np.abs(y.value)
        deviation = x.deviation / divisor + np.abs(value) * (y.deviation / divisor)
        return self._with_rounding(value, deviation)

    def scaled(self, x: RoundedValue, factor: float, divisor: int = 1) -> RoundedValue:
        by = factor / divisor
        return self._with_rounding(x.value * by, x.deviation * abs(by))

    def matmul(self, x: RoundedValue, y: RoundedValue) -> RoundedValue:
        value = x.value @ y.value
        sum_error, repetition = self._product_sum_error(x.value, y.value)
        if not (x.deviation.any() or y.deviation.any()):  # parameters and data in float64
            return RoundedValue(value, sum_error)
        operand_error = _norm_of_products(x.value, y.deviation) + _norm_of_products(x.deviation, y.value)
        common_error = ALIKE * (np.abs(x.value) @ y.deviation + x.deviation @ np.abs(y.value))
        return RoundedValue(value, np.hypot(np.hypot(operand_error * repetition, common_error), sum_error))

    def _product_sum_error(self, x: Array, y: Array) -> tuple[Array, Array | float]:
        """Return the error of the sums of x @ y, and √(number of terms that round the same way)."""
        if x.ndim == 2 and y.ndim == 2:
            sum_error, repetition = self._rounding.of_product_sums(x, y)
            return sum_error, repetition.of_terms
        if self._rounding.independent:
            return self._rounding.summed(x.shape[-1], _norm_of_products(x, y), x @ y), 1.0
        stacks = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        shape = (*stacks, x.shape[-2], y.shape[-1])
        x, y = (np.broadcast_to(operand, (*stacks, *operand.shape[-2:])) for operand in (x, y))
        sum_error, repetitions = np.empty(shape), np.empty(shape)
        for index in np.ndindex(stacks):
            sum_error[index], repetition = self._rounding.of_product_sums(x[index], y[index])
            repetitions[index] = repetition.of_terms
        return sum_error, repetitions

    def total(self, x: RoundedValue, axes: tuple[int, ...], keepdims: bool = False) -> RoundedValue:
        if not axes:
            return x
        rank = x.value.ndim
        kept = [axis for axis in range(-rank, 0) if axis not in axes]
        terms = prod(x.value.shape[axis] for axis in axes)

        def rows(values: Array) -> Array:
            return np.asarray(values.transpose(*kept, *axes).reshape(-1, terms))

        def summed(values: Array) -> Array:
            return np.asarray(values.sum(axis=axes, keepdims=keepdims))

        value = summed(x.value)
        deviation = self._rounding.of_row_sums(rows(x.value), rows(x.deviation)).reshape(value.shape)
        return RoundedValue(value, np.hypot(deviation, ALIKE * summed(x.deviation)))

    def move(self, function: Callable[..., Array], *x: RoundedValue) -> RoundedValue:
        return RoundedValue(
            np.asarray(function(*(number.value for number in x))),
            np.asarray(function(*(number.deviation for number in x))),
        )

    def gathered(self, u: RoundedValue, places: Array, rows: int) -> RoundedValue:
        def row_sums(values: Array) -> Array:
            return np.asarray(FLOATS.gathered(values, places, rows))

        unit = scale_of(u.value)
        terms = int(row_sums(np.ones_like(u.value)).max(initial=1.0))
        norm = np.sqrt(row_sums(np.square(u.value / unit))) * unit
        sum_error = self._rounding.summed(terms, norm, row_sums(u.value))
        sum_error = sum_error * self._rounding.repetition_of_rows(u.value, places, rows)
        return RoundedValue(row_sums(u.value), np.hypot(row_sums(u.deviation), sum_error))

    def applied(self, function: Activation, x: RoundedValue) -> RoundedValue:
        value = function.forward(x.value)
        return self._with_rounding(value, self._rounding.of_function(function, x.value, x.deviation))

    def activation_vjp(
        self, function: Activation, x: RoundedValue, u: RoundedValue, kinks: Array | None
    ) -> RoundedValue:
        value = function.vjp(x.value, u.value)
        deviation = self._rounding.of_vjp(function, x.value, x.deviation, u.value, u.deviation)
        if kinks is not None:
            deviation = np.where(
                kinks, np.maximum(deviation, steepest_slope(function) * u.deviation), deviation
            )
        return self._with_rounding(value, deviation)

    def log_softmax(self, x: RoundedValue) -> RoundedValue:
        value, p = log_softmax(x.value), softmax(x.value)
        operand_error = x.deviation + (p * x.deviation).sum(axis=-1, keepdims=True)
        largest = np.abs(x.value).max(axis=-1, keepdims=True)
        formula_error = self._rounding.formula_error(np.abs(value) + 1.0 + largest)
        return self._with_rounding(value, np.hypot(operand_error, formula_error))

    def log_softmax_vjp(self, x: RoundedValue, u: RoundedValue) -> RoundedValue:
        value, p = log_softmax_vjp(x.value, u.value), softmax(x.value)
        upstream_sum = np.abs(u.value.sum(axis=-1, keepdims=True))
        x_error = np.sqrt(log_softmax_vjp_variance(x.value, u.value, np.square(x.deviation)))
        u_error = u.deviation + p * u.deviation.sum(axis=-1, keepdims=True)
        formula_error = self._rounding.formula_error(
            np.abs(u.value) + p * upstream_sum * (2.0 + log_softmax_magnification(x.value))
        )
        return self._with_rounding(value, np.hypot(x_error + u_error, formula_error))

    def maximum(self, x: RoundedValue, axes: tuple[int, ...], keepdims: bool) -> RoundedValue:
        half_width = DEVIATIONS * x.deviation
        least = (x.value - half_width).max(axis=axes, keepdims=True)
        candidate_deviations = np.where(x.value + half_width >= least, x.deviation, 0.0)
        value = np.asarray(x.value.max(axis=axes, keepdims=keepdims))
        return RoundedValue(value, np.asarray(candidate_deviations.max(axis=axes, keepdims=keepdims)))

    def maximum_vjp(
        self, x: RoundedValue, u: RoundedValue, axes: tuple[int, ...], kinks: Array | None
    ) -> RoundedValue:
        shares = largest_shares(x.value, axes)
        possible_shares = shares if kinks is None else np.where(kinks, 1.0, shares)
        return self._with_rounding(u.value * shares, u.deviation * possible_shares)

    def losses(self, terms: Terms, f: RoundedValue, y: Array) -> RoundedValue:
        values = terms.value(f.value, y)
        rows = RoundedValue(values, self._rounding.of_terms(terms, f.value, f.deviation, y, values))
        return self.total(rows, (-1,))

    def loss_gradient(
        self, terms: Terms, f: RoundedValue, y: Array, kinks: Array | None = None
    ) -> RoundedValue:
        spread, formula_error = self._rounding.of_loss_gradient(terms, f.value, f.deviation, y)
        deviation = np.hypot(spread, np.hypot(formula_error, self._rounding.converted(y)))
        return self._with_rounding(terms.gradient(f.value, y), deviation)

    def _with_rounding(self, value: Any, operand_error: Any) -> RoundedValue:
        """Return the value with the error of its operands and of its own rounding."""
        value = np.asarray(value)
        shape = value.shape
        deviation = np.hypot(operand_error, self._rounding.stored(value))
        return RoundedValue(value, _broadcast(deviation, shape))


def _broadcast(values: Any, shape: Shape) -> Array:
    return values if np.shape(values) == shape else np.broadcast_to(values, shape)


def _norm_of_products(x: Array, y: Array) -> Array:
    """Return √(x² @ y²) without overflow; where squares underflow, |x| @ |y|, which is no smaller."""
    if not (x.any() and y.any()):
        return np.zeros((x @ y).shape)
    unit_x, unit_y = scale_of(x), scale_of(y)
    root = np.sqrt(np.square(x / unit_x) @ np.square(y / unit_y))
    if root.min(initial=1.0) < _SQUARES_UNDERFLOW:
        root = np.where(root < _SQUARES_UNDERFLOW, np.abs(x / unit_x) @ np.abs(y / unit_y), root)
    return np.asarray(root * unit_x * unit_y)


ByName = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class GraphRounding:
    """Rounding errors of a graph's values and gradients.

    risk, risk_error: the output's value, and its rounding error.
    kinks: by node, where rounding may cross a kink.
    values: of every node, by plain name.
    allowances, scales: compute `allowance` and `scale`, by the names of gradients, on first use.
    """

    risk: float
    risk_error: float
    kinks: Kinks
    values: BatchedValues
    allowances: Callable[[], ByName]
    scales: Callable[[], ByName]

    @cached_property
    def allowance(self) -> ByName:
        """Return the rounding error of each gradient entry."""
        return self.allowances()

    @cached_property
    def scale(self) -> ByName:
        """Return Σ |contributions| to each gradient entry."""
        return self.scales()


def rounding(problem: GraphProblem, precision: Precision, *, independent: bool = False) -> GraphRounding:
    """Estimate the rounding error of backpropagation in `precision`, entry by entry.

    independent: see `RoundingArithmetic`. It only makes the estimate smaller, so a gradient that passes with
    it also passes without it.
    """
    arithmetic = GraphRoundingArithmetic(precision, independent)
    values = values_of(problem, arithmetic)
    kinks = reached_kinks(values, lambda number: (number.value, DEVIATIONS * number.deviation))

    @np.errstate(all="ignore")
    def allowances() -> ByName:
        gradients = requested_gradients(problem, values, arithmetic, kinks)
        return {
            key: DEVIATIONS * arithmetic.finish_sum(gradient).deviation for key, gradient in gradients.items()
        }

    output = values[problem.output]
    return GraphRounding(
        risk=float(output.value.reshape(())),
        risk_error=float(DEVIATIONS * output.deviation.reshape(())),
        kinks=kinks,
        values=values.map(lambda number: number.value, FLOATS),
        allowances=allowances,
        scales=partial(gradient_magnitudes, problem, kinks),
    )
