"""What honest arithmetic of a given precision loses on a problem: no tolerance needs tuning.

Standard deviations of the rounding errors are carried to first order beside the values, forward and backward.
A sum S of n terms t, in an order that nobody knows, adds u/√3 · √((1 + n/6) Σ t² + n S²/3): the root mean
square of its partial sums in a random order, which form a Brownian bridge (compare Higham & Mary, SIAM J.
Sci. Comput. 41, 2019, A2815). Elementary functions add what their textbook formula loses (the tables'
`roundoff`).

Error: an estimate, not a bound; `benchmarks/soundness.py` holds it against what is really lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np

from reference_impl.activation import Kink
from reference_impl.array import Array
from reference_impl.backpropagation import deltas, penalty_gradient
from reference_impl.network import LayerParameters, Trace
from reference_impl.problem import Problem, example_losses, penalised, risk_value, terms_of_last_layer
from reference_impl.risk import NORMS
from verifier.precision import Precision
from verifier.rounding_arithmetic import RoundingArithmetic, joined, root_of_squares, scale_of

DEVIATIONS = 6.0
STORED = 1.5  # roundings of a finished entry: it may be divided by N, or added to another
ALIKE = 0.4  # of the errors of all examples together, were they equal: weights are rounded once for all


@dataclass(frozen=True, slots=True, eq=False)
class Rounding:
    """What rounding may cost, `DEVIATIONS` standard deviations.

    allowance: each entry, by parameter. scale: Σ of |contributions| to each entry, by parameter.
    example_losses: (N,), each example's loss. loss: the risk.
    kinks: by layer, (N, out), where rounding may carry a pre-activation over a kink.
    """

    allowance: Mapping[str, Array]
    scale: Mapping[str, Array]
    example_losses: Array
    loss: float
    kinks: tuple[Array, ...]


@np.errstate(all="ignore")  # what overflows is unknown, and judged so by whoever compares
def rounding(problem: Problem, trace: Trace, precision: Precision) -> Rounding:
    """Estimate the rounding of a backpropagation in `precision`, entry by entry, on either side of a kink."""
    found = _on_one_side(problem, trace, precision)
    if not any(near.any() for near in found.kinks):
        return found
    other = _on_one_side(problem, _on_the_steeper_side(problem, trace, found.kinks), precision)
    return Rounding(
        {name: np.maximum(allowance, other.allowance[name]) for name, allowance in found.allowance.items()},
        {name: np.maximum(scale, other.scale[name]) for name, scale in found.scale.items()},
        found.example_losses,
        found.loss,
        found.kinks,
    )


def _on_the_steeper_side(problem: Problem, trace: Trace, kinks: tuple[Array, ...]) -> Trace:
    """Move the pre-activations near a kink just over to where the slope is larger."""
    moved = []
    for layer, a, near in zip(problem.network.layers, trace.a, kinks, strict=True):
        for kink in layer.activation.kinks:
            side = np.inf if abs(kink.right) >= abs(kink.left) else -np.inf
            a = np.where(near, np.nextafter(kink.at, side), a)
        moved.append(a)
    return Trace(tuple(moved), trace.z)


def _on_one_side(problem: Problem, trace: Trace, precision: Precision) -> Rounding:
    arithmetic = RoundingArithmetic(precision)
    of_weights = [arithmetic.converted(own.weight) for own in problem.parameters]
    of_a, of_z = _forward(problem, trace, arithmetic, of_weights)
    delta = deltas(problem, trace)
    of_losses = _of_losses(problem, trace, arithmetic, of_a[-1], of_z[-1])
    of_delta = _backward(problem, trace, arithmetic, of_weights, of_a, of_z[-1], delta)
    allowance: dict[str, Array] = {}
    scale: dict[str, Array] = {}
    for index, own in enumerate(problem.parameters):
        extra = penalty_gradient(problem, trace, index) if problem.risk.penalties else None
        deviation, size = _of_gradient(
            arithmetic,
            trace.z[index],
            of_z[index],
            delta[index],
            of_delta[index],
            own.bias is not None,
            extra,
        )
        deviation *= DEVIATIONS
        inputs = own.weight.shape[0]
        allowance[f"layers.{index}.weight"], scale[f"layers.{index}.weight"] = (
            deviation[:inputs],
            size[:inputs],
        )
        if own.bias is not None:
            allowance[f"layers.{index}.bias"] = deviation[inputs:].reshape(own.bias.shape)
            scale[f"layers.{index}.bias"] = size[inputs:].reshape(own.bias.shape)
    return Rounding(
        allowance,
        scale,
        DEVIATIONS * of_losses,
        DEVIATIONS * _of_risk(problem, trace, arithmetic, of_losses),
        tuple(_near_kinks(problem, trace, of_a)),
    )


def _forward(
    problem: Problem, trace: Trace, arithmetic: RoundingArithmetic, of_weights: list[Array]
) -> tuple[list[Array], list[Array]]:
    """Give the deviations of a and z of every layer; z starts with the inputs."""
    of_a: list[Array] = []
    of_z = [arithmetic.converted(problem.batch.inputs)]
    for index, (layer, own) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        z, a, activation = trace.z[index], trace.a[index], layer.activation
        squares = root_of_squares(z, own.weight)
        inherited = np.hypot(root_of_squares(of_z[-1], own.weight), root_of_squares(z, of_weights[index]))
        if own.bias is not None:
            squares = np.hypot(squares, own.bias)
            inherited = np.hypot(inherited, arithmetic.converted(own.bias))
        of_a.append(np.hypot(inherited, arithmetic.summed(layer.inputs + 1, squares, a)))
        unit = scale_of(of_a[-1])
        deviation = np.sqrt(activation.spread(a, np.square(of_a[-1] / unit))) * unit
        for kink in activation.kinks:  # z may have moved along either side's slope
            steepest = max(abs(kink.left), abs(kink.right)) * of_a[-1]
            deviation = np.where(_near(kink, a, of_a[-1]), np.maximum(deviation, steepest), deviation)
        deviation = np.hypot(deviation, arithmetic.lost(activation.roundoff(a)))
        deviation = np.hypot(deviation, activation.library_error(a))
        if index in problem.batch.masks:
            deviation = deviation * np.abs(problem.batch.masks[index])
        of_z.append(np.hypot(deviation, arithmetic.stored(trace.z[index + 1])))
    return of_a, of_z


def _backward(
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
    unit = scale_of(of_at)
    of_slope = np.sqrt(terms.gradient_spread(at, targets, np.square(of_at / unit))) * unit
    own = arithmetic.lost(terms.gradient_roundoff(at, targets))
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
        of_upstream = np.hypot(
            np.hypot(
                root_of_squares(found[-1], above), root_of_squares(delta[index + 1], of_weights[index + 1].T)
            ),
            arithmetic.summed(above.shape[0], squares, upstream),
        )
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
    activation = problem.network.layers[index].activation
    unit = np.maximum(scale_of(upstream), scale_of(of_upstream))
    spread = activation.pull_back_spread(a, upstream / unit, np.square(of_upstream / unit), np.square(of_a))
    own = arithmetic.lost(activation.pull_back_roundoff(a, upstream / unit))
    own = np.hypot(own, np.abs(upstream / unit) * activation.derivative_library_error(a))
    return np.asarray(np.hypot(np.hypot(np.sqrt(spread), own) * unit, arithmetic.stored(delta)))


def _of_gradient(
    arithmetic: RoundingArithmetic,
    z: Array,
    of_z: Array,
    delta: Array,
    of_delta: Array,
    with_bias: bool,
    penalty: LayerParameters | None,
) -> tuple[Array, Array]:
    """Give the deviation and the scale of zᵀδ + penalty; a bias, whose z is 1, is the last row."""
    if with_bias:
        z = np.hstack([z, np.ones((len(z), 1))])
        of_z = np.hstack([of_z, np.zeros((len(z), 1))])
    size = np.abs(z).T @ np.abs(delta)
    if penalty is None:
        return arithmetic.of_product(z, of_z, delta, of_delta, ALIKE, STORED), size
    parts = [penalty.weight] if penalty.bias is None else [penalty.weight, penalty.bias.reshape(1, -1)]
    extra = np.vstack(parts)
    own = arithmetic.of_product(z, of_z, delta, of_delta, ALIKE, 0.0)
    total = z.T @ delta + extra
    size += np.abs(extra)
    return joined((1.0, own), (2.0, arithmetic.stored(extra)), (STORED, arithmetic.stored(total))), size


def _of_losses(
    problem: Problem, trace: Trace, arithmetic: RoundingArithmetic, of_a: Array, of_outputs: Array
) -> Array:
    """Give the deviation of each example's loss."""
    terms, of_preactivation = terms_of_last_layer(problem)
    at, of_at = (trace.a[-1], of_a) if of_preactivation else (trace.outputs, of_outputs)
    targets = problem.batch.targets
    values = terms.value(at, targets)
    inherited = _norm(terms.gradient(at, targets) * of_at)
    own = _norm(arithmetic.lost(terms.value_roundoff(at, targets)))
    summing = arithmetic.summed(targets.shape[-1], _norm(values), values.sum(axis=-1))
    deviation = np.hypot(np.hypot(inherited, own), summing)
    return np.asarray(deviation * abs(problem.risk.output_scale(targets.shape[-1])))


def _of_risk(problem: Problem, trace: Trace, arithmetic: RoundingArithmetic, of_losses: Array) -> float:
    losses = example_losses(problem, trace.a[-1], trace.outputs)
    data = np.hypot(_norm(of_losses), arithmetic.summed(losses.size, _norm(losses), losses.sum()))
    data = data * problem.risk.example_scale(losses.size)
    for penalty in problem.risk.penalties:
        arrays = [w for layer in problem.parameters for w in penalised(penalty, layer)]
        values = np.concatenate([NORMS[penalty.norm].value(w).ravel() for w in arrays])
        values = values * penalty.coefficient(losses.size)
        data = np.hypot(data, arithmetic.summed(values.size, 2.0 * _norm(values), values.sum()))
    return float(np.hypot(data, sqrt(2.0) * arithmetic.stored(np.asarray(risk_value(problem, trace)))))


def _norm(values: Array) -> Array:
    """Give the Euclidean norm along the last axis, without overflow or underflow of the squares."""
    unit = scale_of(values)
    return np.asarray(np.sqrt(np.square(values / unit).sum(axis=-1)) * unit)


def _near(kink: Kink, a: Array, deviation: Array) -> Array:
    return np.asarray(np.abs(a - kink.at) <= DEVIATIONS * deviation)


def _near_kinks(problem: Problem, trace: Trace, of_a: list[Array]) -> list[Array]:
    found = []
    for layer, a, deviation in zip(problem.network.layers, trace.a, of_a, strict=True):
        near = np.zeros(a.shape, dtype=bool)
        for kink in layer.activation.kinks:
            near |= _near(kink, a, deviation)
        found.append(near)
    return found
