"""Standard deviations of rounding errors, carried forward and backward; see `rounding.py`."""

import numpy as np

from reference_impl.activations import Activation, Kink
from reference_impl.array import Array
from reference_impl.network import LayerParameters, Trace
from reference_impl.problem import Problem, terms_of_last_layer
from verifier.engine.functions.loss_properties import loss_properties
from verifier.engine.functions.numerical_properties import numerical_properties
from verifier.rounding_arithmetic import DEVIATIONS, RoundingArithmetic, joined, root_of_squares, scale_of

STORED = 1.5  # roundings of a finished entry: it may be divided by N, or added to another
ALIKE = 0.4  # of the errors of all examples together, were they equal: weights are rounded once for all


def forward_deviations(
    problem: Problem, trace: Trace, arithmetic: RoundingArithmetic, of_weights: list[Array]
) -> tuple[list[Array], list[Array]]:
    """Give the deviations of a and z of every layer; z starts with the inputs."""
    of_a: list[Array] = []
    of_z = [arithmetic.converted(problem.batch.inputs)]
    exact = arithmetic.holds_given_numbers
    for index, (layer, own) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        z, a, activation = trace.z[index], trace.a[index], layer.activation
        terms, factors, repeated = z, own.weight, arithmetic.repetition(z.T, own.weight)
        if own.bias is not None:
            terms, factors = with_ones(z), np.vstack([own.weight, own.bias.reshape(1, -1)])
        deviation = arithmetic.summed_products(terms.T, factors, root_of_squares(terms, factors), a, repeated)
        if not (exact and index == 0):
            inherited = repeated.of_terms * root_of_squares(of_z[-1], own.weight)
            twins = None if index == 0 else arithmetic.twins(problem.parameters[index - 1].weight.T)
            if twins is not None:
                inherited = np.maximum(inherited, root_of_squares(of_z[-1] * twins, own.weight))
            deviation = np.hypot(deviation, inherited)
        if not exact:
            deviation = np.hypot(deviation, repeated.of_terms * root_of_squares(z, of_weights[index]))
            if own.bias is not None:
                deviation = np.hypot(deviation, arithmetic.converted(own.bias))
        of_a.append(deviation)
        deviation = _through_activation(activation, a, of_a[-1], arithmetic)
        if index in problem.batch.masks:
            deviation = deviation * np.abs(problem.batch.masks[index])
        of_z.append(np.hypot(deviation, arithmetic.stored(trace.z[index + 1])))
    return of_a, of_z


def _through_activation(
    activation: Activation, a: Array, of_a: Array, arithmetic: RoundingArithmetic
) -> Array:
    """Carry a deviation from a to g(a), the result's own rounding not included."""
    if activation.name == "identity":
        return of_a
    unit, properties = scale_of(of_a), numerical_properties(activation)
    deviation = np.sqrt(properties.value_variance(a, np.square(of_a / unit))) * unit
    for kink in activation.kinks:  # z may have moved along either side's slope
        steepest = max(abs(kink.left), abs(kink.right)) * of_a
        deviation = np.where(near(kink, a, of_a), np.maximum(deviation, steepest), deviation)
    deviation = np.hypot(deviation, arithmetic.lost(properties.value_roundoff(a)))
    if properties.library_error is not None:
        deviation = np.hypot(deviation, properties.library_error(a))
    return np.asarray(deviation)


def backward_deviations(
    problem: Problem,
    trace: Trace,
    arithmetic: RoundingArithmetic,
    of_weights: list[Array],
    of_a: list[Array],
    of_outputs: Array,
    delta: tuple[Array, ...],
) -> list[Array]:
    """Give the deviation of every layer's δ."""
    terms, of_preactivation = terms_of_last_layer(problem)
    targets, last = problem.batch.targets, len(delta) - 1
    at, of_at = (trace.a[-1], of_a[-1]) if of_preactivation else (trace.outputs, of_outputs)
    scale = problem.risk.output_scale(targets.shape[-1]) * problem.risk.example_scale(problem.batch.size)
    unit, properties = scale_of(of_at), loss_properties(terms)
    of_slope = np.sqrt(properties.gradient_variance(at, targets, np.square(of_at / unit))) * unit
    own = arithmetic.lost(properties.gradient_roundoff(at, targets))
    of_slope = np.hypot(np.hypot(of_slope, own), arithmetic.converted(targets)) * abs(scale)
    if of_preactivation:
        found = [np.hypot(of_slope, arithmetic.stored(delta[last]))]
    else:
        upstream = terms.gradient(at, targets) * scale
        of_upstream = np.hypot(of_slope, arithmetic.stored(upstream))
        found = [_through(problem, trace, arithmetic, last, upstream, of_upstream, of_a[last], delta[last])]
    for index in reversed(range(last)):
        above = problem.parameters[index + 1].weight.T
        upstream = delta[index + 1] @ above
        squares = root_of_squares(delta[index + 1], above)
        repeated = arithmetic.repetition(delta[index + 1].T, above)
        inherited = repeated.of_terms * root_of_squares(found[-1], above)
        twins = arithmetic.twins(problem.parameters[index + 2].weight) if index + 2 <= last else None
        if twins is not None:
            inherited = np.maximum(inherited, root_of_squares(found[-1] * twins, above))
        of_upstream = np.hypot(
            inherited, arithmetic.summed_products(delta[index + 1].T, above, squares, upstream, repeated)
        )
        if not arithmetic.holds_given_numbers:
            inherited = root_of_squares(delta[index + 1], of_weights[index + 1].T)
            of_upstream = np.hypot(of_upstream, repeated.of_terms * inherited)
        found.append(
            _through(problem, trace, arithmetic, index, upstream, of_upstream, of_a[index], delta[index])
        )
    return found[::-1]


def _through(
    problem: Problem,
    trace: Trace,
    arithmetic: RoundingArithmetic,
    index: int,
    upstream: Array,
    of_upstream: Array,
    of_a: Array,
    delta: Array,
) -> Array:
    """Carry a deviation from ∂R/∂z of a layer to its δ."""
    masks, a = problem.batch.masks, trace.a[index]
    if index in masks:
        upstream, of_upstream = upstream * masks[index], of_upstream * np.abs(masks[index])
    properties = numerical_properties(problem.network.layers[index].activation)
    unit = np.maximum(scale_of(upstream), scale_of(of_upstream))
    spread = properties.vjp_variance(a, upstream / unit, np.square(of_upstream / unit), np.square(of_a))
    own = arithmetic.lost(properties.vjp_roundoff(a, upstream / unit))
    if properties.derivative_library_error is not None:
        own = np.hypot(own, np.abs(upstream / unit) * properties.derivative_library_error(a))
    return np.asarray(np.hypot(np.hypot(np.sqrt(spread), own) * unit, arithmetic.stored(delta)))


def gradient_deviations(
    arithmetic: RoundingArithmetic,
    z: Array,
    of_z: Array,
    delta: Array,
    of_delta: Array,
    with_bias: bool,
    penalty: LayerParameters | None,
    alike: float = ALIKE,
) -> Array:
    """Give the deviation of zᵀδ + penalty; a bias, whose z is 1, is the last row.

    alike: the share of their errors that all examples have in common.
    """
    if with_bias:
        z = with_ones(z)
        of_z = np.hstack([of_z, np.zeros((len(z), 1))])
    if penalty is None:
        return arithmetic.of_product(z, of_z, delta, of_delta, alike, STORED)
    parts = [penalty.weight] if penalty.bias is None else [penalty.weight, penalty.bias.reshape(1, -1)]
    extra = np.vstack(parts)
    own = arithmetic.of_product(z, of_z, delta, of_delta, alike, 0.0)
    total = z.T @ delta + extra
    return joined((1.0, own), (2.0, arithmetic.stored(extra)), (STORED, arithmetic.stored(total)))


def with_ones(z: Array) -> Array:
    """Return z with a last column of ones, which the bias multiplies."""
    return np.hstack([z, np.ones((len(z), 1))])


def near(kink: Kink, a: Array, deviation: Array) -> Array:
    return np.asarray(np.abs(a - kink.at) <= DEVIATIONS * deviation)
