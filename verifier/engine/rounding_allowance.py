"""Estimate the rounding error of a correct implementation in a given precision.

Standard deviations of the rounding errors are carried to first order beside the values, forward and backward.
A sum S of n terms t in an unknown order adds u/√3 · √((1 + n/6) Σ t² + n S²/3): the root mean square of its
partial sums in a random order, which form a Brownian bridge (compare Higham & Mary, SIAM J. Sci. Comput. 41,
2019, A2815). Elementary functions add the error of their textbook formula (`roundoff` in the tables of
activations and losses).

Error: an estimate and no bound; `benchmarks/soundness.py` compares it with measured rounding errors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np

from reference_impl.activations import Activation, Kink
from reference_impl.array import Array
from reference_impl.backpropagation import deltas, penalty_gradient
from reference_impl.losses import NORMS
from reference_impl.network import LayerParameters, Trace
from reference_impl.problem import (
    Problem,
    losses_of_terms,
    penalised,
    risk_of_losses,
    terms_of_last_layer,
)
from verifier.engine.functions.loss_properties import loss_properties
from verifier.engine.functions.numerical_properties import numerical_properties
from verifier.engine.lazy_products import Scales
from verifier.engine.rounding import DEVIATIONS, RoundingArithmetic, joined, root_of_squares, scale_of
from verifier.problem.precision import Precision

STORED = 1.5  # roundings of a finished entry: a division by N, or an addition to another number
ALIKE = 0.4  # share of the errors that all examples have in common: the weights are rounded once


def forward_deviations(
    problem: Problem, trace: Trace, arithmetic: RoundingArithmetic, weight_deviations: list[Array]
) -> tuple[list[Array], list[Array]]:
    """Return the standard deviations of a and z of every layer; z starts with the inputs."""
    a_deviations: list[Array] = []
    z_deviations = [arithmetic.converted(problem.batch.inputs)]
    inputs_exact = arithmetic.holds_float64
    for index, (layer, parameters) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        z, a, activation = trace.z[index], trace.a[index], layer.activation
        terms, factors, repetition = z, parameters.weight, arithmetic.repetition(z.T, parameters.weight)
        if parameters.bias is not None:
            terms, factors = with_ones(z), np.concatenate([parameters.weight, parameters.bias.reshape(1, -1)])
        deviation = arithmetic.summed_products(
            terms.T, factors, root_of_squares(terms, factors), a, repetition
        )
        if not (inputs_exact and index == 0):
            operand_error = repetition.of_terms * root_of_squares(z_deviations[-1], parameters.weight)
            twins = None if index == 0 else arithmetic.twins(problem.parameters[index - 1].weight.T)
            if twins is not None:
                operand_error = np.maximum(
                    operand_error, root_of_squares(z_deviations[-1] * twins, parameters.weight)
                )
            deviation = np.hypot(deviation, operand_error)
        if not inputs_exact:
            deviation = np.hypot(
                deviation, repetition.of_terms * root_of_squares(z, weight_deviations[index])
            )
            if parameters.bias is not None:
                deviation = np.hypot(deviation, arithmetic.converted(parameters.bias))
        a_deviations.append(deviation)
        deviation = _output_deviation(activation, a, a_deviations[-1], arithmetic)
        if index in problem.batch.masks:
            deviation = deviation * np.abs(problem.batch.masks[index])
        z_deviations.append(np.hypot(deviation, arithmetic.stored(trace.z[index + 1])))
    return a_deviations, z_deviations


def _output_deviation(
    activation: Activation, a: Array, a_deviation: Array, arithmetic: RoundingArithmetic
) -> Array:
    """Return the standard deviation of g(a) for that of a, without the rounding of the result."""
    if activation.name == "identity":
        return a_deviation
    unit, properties = scale_of(a_deviation), numerical_properties(activation)
    deviation = np.sqrt(properties.value_variance(a, np.square(a_deviation / unit))) * unit
    for kink in activation.kinks:  # rounding may move a to either side of the kink
        steepest = max(abs(kink.left), abs(kink.right)) * a_deviation
        deviation = np.where(near(kink, a, a_deviation), np.maximum(deviation, steepest), deviation)
    deviation = np.hypot(deviation, arithmetic.formula_error(properties.value_roundoff(a)))
    if properties.library_error is not None:
        deviation = np.hypot(deviation, properties.library_error(a))
    return np.asarray(deviation)


def backward_deviations(
    problem: Problem,
    trace: Trace,
    arithmetic: RoundingArithmetic,
    weight_deviations: list[Array],
    a_deviations: list[Array],
    output_deviation: Array,
    delta: tuple[Array, ...],
) -> list[Array]:
    """Return the standard deviation of every layer's δ."""
    terms, of_preactivation = terms_of_last_layer(problem)
    targets, last = problem.batch.targets, len(delta) - 1
    point, point_deviation = (
        (trace.a[-1], a_deviations[-1]) if of_preactivation else (trace.outputs, output_deviation)
    )
    scale = problem.risk.output_scale(targets.shape[-1]) * problem.risk.example_scale(problem.batch.size)
    unit = scale_of(point_deviation)
    slope_deviation = (
        np.sqrt(loss_properties(terms).gradient_variance(point, targets, np.square(point_deviation / unit)))
        * unit
    )
    formula_error = arithmetic.formula_error(loss_properties(terms).gradient_roundoff(point, targets))
    slope_deviation = np.hypot(np.hypot(slope_deviation, formula_error), arithmetic.converted(targets))
    slope_deviation = slope_deviation * abs(scale)
    if of_preactivation:
        deviations = [np.hypot(slope_deviation, arithmetic.stored(delta[last]))]
    else:
        upstream = terms.gradient(point, targets) * scale
        upstream_deviation = np.hypot(slope_deviation, arithmetic.stored(upstream))
        deviations = [
            _delta_deviation(
                problem,
                trace,
                arithmetic,
                last,
                upstream,
                upstream_deviation,
                a_deviations[last],
                delta[last],
            )
        ]
    for index in reversed(range(last)):
        transposed_weight = problem.parameters[index + 1].weight.T
        upstream = delta[index + 1] @ transposed_weight
        squares = root_of_squares(delta[index + 1], transposed_weight)
        repetition = arithmetic.repetition(delta[index + 1].T, transposed_weight)
        operand_error = repetition.of_terms * root_of_squares(deviations[-1], transposed_weight)
        twins = arithmetic.twins(problem.parameters[index + 2].weight) if index + 2 <= last else None
        if twins is not None:
            operand_error = np.maximum(
                operand_error, root_of_squares(deviations[-1] * twins, transposed_weight)
            )
        upstream_deviation = np.hypot(
            operand_error,
            arithmetic.summed_products(delta[index + 1].T, transposed_weight, squares, upstream, repetition),
        )
        if not arithmetic.holds_float64:
            operand_error = root_of_squares(delta[index + 1], weight_deviations[index + 1].T)
            upstream_deviation = np.hypot(upstream_deviation, repetition.of_terms * operand_error)
        deviations.append(
            _delta_deviation(
                problem,
                trace,
                arithmetic,
                index,
                upstream,
                upstream_deviation,
                a_deviations[index],
                delta[index],
            )
        )
    return deviations[::-1]


def _delta_deviation(
    problem: Problem,
    trace: Trace,
    arithmetic: RoundingArithmetic,
    index: int,
    upstream: Array,
    upstream_deviation: Array,
    a_deviation: Array,
    delta: Array,
) -> Array:
    """Return the standard deviation of a layer's δ for that of ∂R/∂z."""
    masks, a = problem.batch.masks, trace.a[index]
    if index in masks:
        upstream, upstream_deviation = upstream * masks[index], upstream_deviation * np.abs(masks[index])
    properties = numerical_properties(problem.network.layers[index].activation)
    unit = np.maximum(scale_of(upstream), scale_of(upstream_deviation))
    spread = properties.vjp_variance(
        a, upstream / unit, np.square(upstream_deviation / unit), np.square(a_deviation)
    )
    formula_error = arithmetic.formula_error(properties.vjp_roundoff(a, upstream / unit))
    if properties.derivative_library_error is not None:
        formula_error = np.hypot(
            formula_error, np.abs(upstream / unit) * properties.derivative_library_error(a)
        )
    return np.asarray(np.hypot(np.hypot(np.sqrt(spread), formula_error) * unit, arithmetic.stored(delta)))


def gradient_deviations(
    arithmetic: RoundingArithmetic,
    z: Array,
    z_deviation: Array,
    delta: Array,
    delta_deviation: Array,
    with_bias: bool,
    penalty: LayerParameters | None,
    alike: float = ALIKE,
) -> Array:
    """Return the standard deviation of zᵀδ + penalty, with the bias, whose z is 1, as the last row.

    alike: the share of their errors that all examples have in common.
    """
    if with_bias:
        z = with_ones(z)
        z_deviation = np.hstack([z_deviation, np.zeros((len(z), 1))])
    if penalty is None:
        return arithmetic.of_product(z, z_deviation, delta, delta_deviation, alike, STORED)
    parts = [penalty.weight] if penalty.bias is None else [penalty.weight, penalty.bias.reshape(1, -1)]
    penalty_gradient = np.vstack(parts)
    product_deviation = arithmetic.of_product(z, z_deviation, delta, delta_deviation, alike, 0.0)
    gradient = z.T @ delta + penalty_gradient
    return joined(
        (1.0, product_deviation),
        (2.0, arithmetic.stored(penalty_gradient)),
        (STORED, arithmetic.stored(gradient)),
    )


def with_ones(z: Array) -> Array:
    """Return z with a last column of ones, which multiplies the bias."""
    extended = np.empty((len(z), z.shape[1] + 1))
    extended[:, :-1], extended[:, -1] = z, 1.0
    return extended


def near(kink: Kink, a: Array, deviation: Array) -> Array:
    """True where a lies within `DEVIATIONS` standard deviations of a kink."""
    return np.asarray(np.abs(a - kink.at) <= DEVIATIONS * deviation)


ByParameter = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Rounding:
    """Rounding errors of a problem's losses, risk and gradient: `DEVIATIONS` standard deviations.

    trace: the forward pass that the errors belong to; oracles reuse it.
    losses, loss_errors: (N,), the loss of each example, and its rounding error.
    risk, risk_error: the risk, and its rounding error.
    kinks: by layer, (N, out), True where rounding may move a pre-activation across a kink.
    loss_kinks: (N, out), the same of the loss's terms.
    scale: Σ of |contributions| to each gradient entry, by parameter.
    allowances: computes `allowance` on first use.
    """

    trace: Trace
    losses: Array
    loss_errors: Array
    risk_error: float
    risk: float
    kinks: tuple[Array, ...]
    loss_kinks: Array
    scale: ByParameter
    allowances: Callable[[], ByParameter]

    @cached_property
    def allowance(self) -> ByParameter:
        """Return the rounding error of each gradient entry, by parameter."""
        return self.allowances()


@np.errstate(all="ignore")  # overflow gives infinite errors, which the comparison handles
def rounding(problem: Problem, trace: Trace, precision: Precision, *, independent: bool = False) -> Rounding:
    """Estimate the rounding error of backpropagation in `precision`, entry by entry.

    Near a kink the estimate covers the slopes on both sides.
    independent: see `RoundingArithmetic`. It only makes the estimate smaller, so a gradient that passes
    with it also passes without it.
    """
    arithmetic = RoundingArithmetic(precision, independent)
    forward = _Forward.of(problem, trace, arithmetic)
    kinks = tuple(_kink_masks(problem, trace, forward.a))
    traces = [trace]
    layers_and_kinks = zip(problem.network.layers, kinks, strict=True)
    if any(near_kink.any() for layer, near_kink in layers_and_kinks if layer.activation.kinks):
        traces.append(_trace_on_steeper_side(problem, trace, kinks))
    loss_kinks = _loss_kinks(problem, trace, forward)
    if loss_kinks.any():
        traces += [_trace_beside_kinks_of_loss(problem, each, loss_kinks) for each in tuple(traces)]

    def allowances() -> ByParameter:
        first, *others = traces
        with np.errstate(all="ignore"):
            candidates = [_allowances(problem, first, arithmetic, forward)]
            candidates += [
                _allowances(problem, other, arithmetic, _Forward.of(problem, other, arithmetic))
                for other in others
            ]
            return _entrywise_maximum(candidates)

    terms, of_preactivation = terms_of_last_layer(problem)
    values = terms.value(trace.a[-1] if of_preactivation else trace.outputs, problem.batch.targets)
    losses = losses_of_terms(problem, values)
    risk = risk_of_losses(problem, losses)
    loss_deviations = _loss_deviations(problem, trace, arithmetic, forward.a[-1], forward.z[-1], values)
    risk_deviation = _risk_deviation(problem, arithmetic, losses, loss_deviations, risk)
    return Rounding(
        trace,
        losses,
        DEVIATIONS * loss_deviations,
        DEVIATIONS * risk_deviation,
        risk,
        kinks,
        loss_kinks,
        Scales(problem, traces),
        allowances,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Forward:
    """Standard deviations of the weights, and of a and z of every layer; z starts with the inputs."""

    weights: list[Array]
    a: list[Array]
    z: list[Array]

    @classmethod
    def of(cls, problem: Problem, trace: Trace, arithmetic: RoundingArithmetic) -> "_Forward":
        weights = [arithmetic.converted(layer.weight) for layer in problem.parameters]
        return cls(weights, *forward_deviations(problem, trace, arithmetic, weights))


def _allowances(
    problem: Problem, trace: Trace, arithmetic: RoundingArithmetic, forward: _Forward
) -> ByParameter:
    delta = deltas(problem, trace)
    # examples with equal outputs share the errors of the output, whatever their targets are
    common_share = max(ALIKE, arithmetic.share_alike(trace.a[-1]))
    delta_deviations = backward_deviations(
        problem, trace, arithmetic, forward.weights, forward.a, forward.z[-1], delta
    )
    allowances: dict[str, Array] = {}
    for index, layer in enumerate(problem.parameters):
        penalty = penalty_gradient(problem, trace, index) if problem.risk.penalties else None
        deviation = gradient_deviations(
            arithmetic,
            trace.z[index],
            forward.z[index],
            delta[index],
            delta_deviations[index],
            layer.bias is not None,
            penalty,
            common_share,
        )
        deviation *= DEVIATIONS
        inputs = layer.weight.shape[0]
        allowances[f"layers.{index}.weight"] = deviation[:inputs]
        if layer.bias is not None:
            allowances[f"layers.{index}.bias"] = deviation[inputs:].reshape(layer.bias.shape)
    return allowances


def _entrywise_maximum(candidates: list[ByParameter]) -> ByParameter:
    first, *others = candidates
    maxima = dict(first)
    for other in others:
        maxima = {name: np.maximum(maximum, other[name]) for name, maximum in maxima.items()}
    return maxima


def _trace_on_steeper_side(problem: Problem, trace: Trace, kinks: tuple[Array, ...]) -> Trace:
    """Return the trace with the pre-activations near a kink moved just across it, to the larger slope."""
    moved = []
    for layer, a, near_kink in zip(problem.network.layers, trace.a, kinks, strict=True):
        reached = near_kink
        for kink in layer.activation.kinks:
            side = np.inf if abs(kink.right) >= abs(kink.left) else -np.inf
            nearest = reached & np.logical_and.reduce(
                [np.abs(a - kink.at) <= np.abs(a - other.at) for other in layer.activation.kinks]
            )
            a, reached = np.where(nearest, np.nextafter(kink.at, side), a), reached & ~nearest
        moved.append(a)
    return Trace(tuple(moved), trace.z)


def _loss_deviations(
    problem: Problem,
    trace: Trace,
    arithmetic: RoundingArithmetic,
    a_deviation: Array,
    output_deviation: Array,
    values: Array,
) -> Array:
    """Return the standard deviation of each example's loss, whose terms are `values`."""
    terms, of_preactivation = terms_of_last_layer(problem)
    point, point_deviation = (
        (trace.a[-1], a_deviation) if of_preactivation else (trace.outputs, output_deviation)
    )
    targets = problem.batch.targets
    formula_error = arithmetic.formula_error(loss_properties(terms).value_roundoff(point, targets, values))
    value_deviations = np.hypot(terms.gradient(point, targets) * point_deviation, formula_error)
    return arithmetic.of_row_sums(values, value_deviations) * abs(problem.risk.output_scale(values.shape[-1]))


def _risk_deviation(
    problem: Problem, arithmetic: RoundingArithmetic, losses: Array, loss_deviations: Array, risk: float
) -> float:
    """Return the standard deviation of the risk, from the losses of the examples and their deviations."""
    scale = problem.risk.example_scale(losses.size)
    (deviation,) = arithmetic.of_row_sums(losses[None], loss_deviations[None]) * scale
    for penalty in problem.risk.penalties:
        arrays = [w for layer in problem.parameters for w in penalised(penalty, layer)]
        values = np.concatenate([NORMS[penalty.norm].value(w).ravel() for w in arrays])
        values = values * penalty.coefficient(losses.size)
        (sum_deviation,) = arithmetic.of_row_sums(values[None], arithmetic.stored(values)[None])
        deviation = np.hypot(deviation, sum_deviation)
    return float(np.hypot(deviation, sqrt(2.0) * arithmetic.stored(np.asarray(risk))))


def _loss_kinks(problem: Problem, trace: Trace, forward: _Forward) -> Array:
    """Return a mask, (N, out), of terms of the loss that rounding may move across a kink."""
    terms, _ = terms_of_last_layer(problem)
    return terms.at_kink(trace.outputs, problem.batch.targets, DEVIATIONS * forward.z[-1])


def _trace_beside_kinks_of_loss(problem: Problem, trace: Trace, loss_kinks: Array) -> Trace:
    """Return the trace with the outputs at kinks of the loss moved to where the slope is not 0."""
    terms, _ = terms_of_last_layer(problem)
    assert terms.kink_distance is not None
    outputs, targets = trace.outputs, problem.batch.targets
    distance = np.abs(terms.kink_distance(outputs, targets))
    size = 1.0 + np.abs(outputs).max(axis=-1, keepdims=True) + np.abs(targets).max(axis=-1, keepdims=True)
    moved = outputs + np.where(loss_kinks, 2.0 * distance + 8.0 * np.spacing(size), 0.0)
    return Trace(trace.a, (*trace.z[:-1], moved))


def _kink_masks(problem: Problem, trace: Trace, a_deviations: list[Array]) -> list[Array]:
    masks = []
    for layer, a, deviation in zip(problem.network.layers, trace.a, a_deviations, strict=True):
        mask = np.zeros(a.shape, dtype=bool)
        for kink in layer.activation.kinks:
            mask |= near(kink, a, deviation)
        masks.append(mask)
    return masks
