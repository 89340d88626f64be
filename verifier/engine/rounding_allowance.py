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

from reference_impl.array import Array
from reference_impl.backpropagation import deltas, penalty_gradient
from reference_impl.losses import NORMS
from reference_impl.network import LayerParameters, Trace
from reference_impl.problem import (
    Problem,
    losses_and_risk,
    penalised,
)
from verifier.engine.lazy_products import Scales
from verifier.engine.rounding import DEVIATIONS, RoundingArithmetic, joined, near, with_ones
from verifier.problem.precision import Precision

STORED = 1.5  # roundings of a finished entry: a division by N, or an addition to another number
ALIKE = 0.4  # share of the errors that all examples have in common: the weights are rounded once


def forward_deviations(
    problem: Problem, trace: Trace, arithmetic: RoundingArithmetic
) -> tuple[list[Array], list[Array]]:
    """Return the standard deviations of a and z of every layer; z starts with the inputs."""
    a_deviations: list[Array] = []
    z_deviations = [arithmetic.converted(problem.batch.inputs)]
    for index, (layer, parameters) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        is_exact = index == 0 and arithmetic.holds_float64
        deviation = arithmetic.of_affine(
            trace.z[index],
            None if is_exact else z_deviations[-1],
            parameters.weight,
            trace.a[index],
            parameters.bias,
            problem.parameters[index - 1].weight.T if index else None,
        )
        a_deviations.append(deviation)
        mask = problem.batch.masks.get(index)
        z_deviations.append(
            arithmetic.of_activation(layer.activation, trace.a[index], deviation, trace.z[index + 1], mask)
        )
    return a_deviations, z_deviations


def backward_deviations(
    problem: Problem,
    trace: Trace,
    arithmetic: RoundingArithmetic,
    forward: "_Forward",
    delta: tuple[Array, ...],
) -> list[Array]:
    """Return the standard deviation of every layer's δ."""
    terms, of_preactivation = problem.terms, problem.of_preactivation
    targets, last, weights = problem.batch.targets, len(delta) - 1, [row.weight for row in problem.parameters]
    point, point_deviation = (
        (trace.a[-1], forward.a[-1]) if of_preactivation else (trace.z[-1], forward.z[-1])
    )
    scale = problem.output_scale * problem.example_scale
    spread, formula_error = arithmetic.of_loss_gradient(terms, point, point_deviation, targets)
    slope_deviation = np.hypot(np.hypot(spread, formula_error), arithmetic.converted(targets)) * abs(scale)

    def through_activation(index: int, upstream: Array, upstream_deviation: Array) -> Array:
        """Return the deviation of a layer's δ for that of ∂R/∂z."""
        if index in problem.batch.masks:
            mask = problem.batch.masks[index]
            upstream, upstream_deviation = upstream * mask, upstream_deviation * np.abs(mask)
        function = problem.network.layers[index].activation
        deviation = arithmetic.of_vjp(
            function, trace.a[index], forward.a[index], upstream, upstream_deviation
        )
        return arithmetic.rounded(deviation, delta[index])

    if of_preactivation:
        deviations = [arithmetic.rounded(slope_deviation, delta[last])]
    else:
        upstream = terms.gradient(point, targets) * scale
        deviations = [through_activation(last, upstream, arithmetic.rounded(slope_deviation, upstream))]
    for index in reversed(range(last)):
        transposed_weight, above = weights[index + 1].T, delta[index + 1]
        upstream = above @ transposed_weight
        twin_rows = weights[index + 2] if index + 2 <= last else None
        upstream_deviation = arithmetic.of_affine(
            above, deviations[-1], transposed_weight, upstream, twin_rows=twin_rows
        )
        deviations.append(through_activation(index, upstream, upstream_deviation))
    return deviations[::-1]


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
    terms, of_preactivation = problem.terms, problem.of_preactivation
    loss_kinks = terms.at_kink(trace.z[-1], problem.batch.targets, DEVIATIONS * forward.z[-1])
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

    point, point_deviation = (
        (trace.a[-1], forward.a[-1]) if of_preactivation else (trace.z[-1], forward.z[-1])
    )
    values = terms.value(point, problem.batch.targets)
    losses, risk = losses_and_risk(problem, values)
    loss_deviations = arithmetic.of_losses(terms, point, point_deviation, problem.batch.targets, values)
    loss_deviations = loss_deviations * abs(problem.output_scale)
    risk_deviation = _risk_deviation(problem, arithmetic, losses, loss_deviations, risk)
    return Rounding(
        trace,
        losses,
        DEVIATIONS * loss_deviations,
        DEVIATIONS * risk_deviation,
        risk,
        kinks,
        loss_kinks,
        Scales(list(problem.arrays), problem, traces),
        allowances,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Forward:
    """Standard deviations of a and z of every layer; z starts with the inputs."""

    a: list[Array]
    z: list[Array]

    @classmethod
    def of(cls, problem: Problem, trace: Trace, arithmetic: RoundingArithmetic) -> "_Forward":
        return cls(*forward_deviations(problem, trace, arithmetic))


def _allowances(
    problem: Problem, trace: Trace, arithmetic: RoundingArithmetic, forward: _Forward
) -> ByParameter:
    delta = deltas(problem, trace)
    # examples with equal outputs share the errors of the output, whatever their targets are
    common_share = max(ALIKE, arithmetic.share_alike(trace.a[-1]))
    delta_deviations = backward_deviations(problem, trace, arithmetic, forward, delta)
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


def _risk_deviation(
    problem: Problem, arithmetic: RoundingArithmetic, losses: Array, loss_deviations: Array, risk: float
) -> float:
    """Return the standard deviation of the risk, from the losses of the examples and their deviations."""
    (deviation,) = arithmetic.of_row_sums(losses[None], loss_deviations[None]) * problem.example_scale
    for penalty in problem.risk.penalties:
        arrays = [w for layer in problem.parameters for w in penalised(penalty, layer)]
        values = np.concatenate([NORMS[penalty.norm].value(w).ravel() for w in arrays])
        values = values * penalty.coefficient(losses.size)
        (sum_deviation,) = arithmetic.of_row_sums(values[None], arithmetic.stored(values)[None])
        deviation = np.hypot(deviation, sum_deviation)
    return float(np.hypot(deviation, sqrt(2.0) * arithmetic.stored(np.asarray(risk))))


def _trace_beside_kinks_of_loss(problem: Problem, trace: Trace, loss_kinks: Array) -> Trace:
    """Return the trace with the outputs at kinks of the loss moved to where the slope is not 0."""
    kink_distance = problem.terms.kink_distance
    assert kink_distance is not None
    outputs, targets = trace.outputs, problem.batch.targets
    distance = np.abs(kink_distance(outputs, targets))
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
