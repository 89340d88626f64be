"""Propagate standard deviations of rounding errors through the layers; see `rounding.py`."""

import numpy as np

from reference_impl.activations import Activation, Kink
from reference_impl.array import Array
from reference_impl.network import LayerParameters, Trace
from reference_impl.problem import Problem, terms_of_last_layer
from verifier.engine.functions.loss_properties import loss_properties
from verifier.engine.functions.numerical_properties import numerical_properties
from verifier.rounding_arithmetic import DEVIATIONS, RoundingArithmetic, joined, root_of_squares, scale_of

STORED = 1.5  # roundings of a finished entry: a division by N, or an addition to another number
ALIKE = 0.4  # share of the errors that all examples have in common: the weights are rounded once


def forward_deviations(
    problem: Problem, trace: Trace, arithmetic: RoundingArithmetic, weight_deviations: list[Array]
) -> tuple[list[Array], list[Array]]:
    """Return the standard deviations of a and z of every layer; z starts with the inputs."""
    a_deviations: list[Array] = []
    z_deviations = [arithmetic.converted(problem.batch.inputs)]
    inputs_exact = arithmetic.holds_given_numbers
    for index, (layer, parameters) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        z, a, activation = trace.z[index], trace.a[index], layer.activation
        terms, factors, repetition = z, parameters.weight, arithmetic.repetition(z.T, parameters.weight)
        if parameters.bias is not None:
            terms, factors = with_ones(z), np.vstack([parameters.weight, parameters.bias.reshape(1, -1)])
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
    deviation = np.hypot(deviation, arithmetic.lost(properties.value_roundoff(a)))
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
    formula_error = arithmetic.lost(loss_properties(terms).gradient_roundoff(point, targets))
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
        if not arithmetic.holds_given_numbers:
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
    formula_error = arithmetic.lost(properties.vjp_roundoff(a, upstream / unit))
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
    return np.hstack([z, np.ones((len(z), 1))])


def near(kink: Kink, a: Array, deviation: Array) -> Array:
    """True where a lies within `DEVIATIONS` standard deviations of a kink."""
    return np.asarray(np.abs(a - kink.at) <= DEVIATIONS * deviation)
