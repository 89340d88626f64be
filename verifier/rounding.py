"""What honest arithmetic of a given precision loses on a problem: no tolerance needs tuning.

Variances of the rounding errors are propagated to first order beside the values, forward and backward. A sum
S of n terms t, in an order that nobody knows, adds (u²/3) [(1 + n/6) Σ t² + n S²/3]: the mean square of its
partial sums in a random order, which form a Brownian bridge (compare Higham & Mary, SIAM J. Sci. Comput. 41,
2019, A2815). Elementary functions add what their textbook formula loses (the tables' `roundoff` columns).

Error: an estimate, not a bound. `DEVIATIONS` standard deviations are allowed; honest submissions stayed
within 4 in all that was tried, and the allowance within 6 to 100 times the error really made.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import deltas, penalty_gradient
from reference_impl.network import Trace
from reference_impl.problem import Problem, example_losses, penalised, risk_value, terms_of_last_layer
from reference_impl.risk import NORMS
from verifier.precision import Precision, rounded

DEVIATIONS = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Rounding:
    """allowance: by parameter, what rounding may cost each entry. scale: Σ of |contributions| to each entry.

    example_losses: (N,), what it may cost each example's loss; loss: what it may cost the risk.
    """

    allowance: Mapping[str, Array]
    scale: Mapping[str, Array]
    example_losses: Array
    loss: float


@dataclass(frozen=True, slots=True)
class _Arithmetic:
    """Variances made by single operations of one precision."""

    unit: float
    underflow: float

    def stored(self, values: Array) -> Array:
        """One rounding of each value."""
        return np.asarray((self.unit**2 * np.square(values) + self.underflow**2) / 3.0)

    def lost(self, units: Array) -> Array:
        """A formula that loses so many units of the unit roundoff."""
        return np.asarray(np.square(self.unit * units))

    def summed(self, terms: int, squares: Array, total: Array) -> Array:
        """A sum of `terms` products, whose squares sum to `squares`."""
        spread = (1.0 + terms / 6.0) * squares + terms * np.square(total) / 3.0
        return np.asarray(self.unit**2 / 3.0 * spread + terms * self.underflow**2 / 3.0)


def rounding(problem: Problem, trace: Trace, precision: Precision) -> Rounding:
    """Estimate the rounding of a backpropagation in `precision`, entry by entry."""
    arithmetic = _Arithmetic(precision.unit_roundoff, precision.underflow)
    with np.errstate(all="ignore"):  # what overflows is judged undecided by whoever compares
        return _rounding(problem, trace, arithmetic, precision)


def _conversion(values: Array, precision: Precision) -> Array:
    """The squared error of converting given numbers to the submission's precision."""
    return np.asarray(np.square(rounded(values, precision) - values))


def _rounding(problem: Problem, trace: Trace, arithmetic: _Arithmetic, precision: Precision) -> Rounding:
    network, batch = problem.network, problem.batch
    squared_weights = [np.square(own.weight) for own in problem.parameters]
    weight_variances = [_conversion(own.weight, precision) for own in problem.parameters]

    of_z = [_conversion(batch.inputs, precision)]
    of_a: list[Array] = []
    for index, (layer, own) in enumerate(zip(network.layers, problem.parameters, strict=True)):
        z, a = trace.z[index], trace.a[index]
        squares = np.square(z) @ squared_weights[index]
        variance = of_z[-1] @ squared_weights[index] + np.square(z) @ weight_variances[index]
        if own.bias is not None:
            squares = squares + np.square(own.bias)
            variance = variance + _conversion(own.bias, precision)
        of_a.append(variance + arithmetic.summed(layer.inputs + 1, squares, a))
        activation = layer.activation
        variance = activation.spread(a, of_a[-1]) + arithmetic.lost(activation.roundoff(a))
        if index in batch.masks:
            variance = variance * np.square(batch.masks[index])
        of_z.append(variance + arithmetic.stored(trace.z[index + 1]))

    delta = deltas(problem, trace)
    of_delta, of_losses = _at_the_output(problem, trace, arithmetic, precision, of_a[-1], of_z[-1], delta[-1])
    deviations: list[Array] = [of_delta]
    for index in reversed(range(len(network.layers) - 1)):
        above = problem.parameters[index + 1].weight
        upstream = delta[index + 1] @ above.T
        squares = np.square(delta[index + 1]) @ squared_weights[index + 1].T
        variance = (
            deviations[-1] @ squared_weights[index + 1].T
            + np.square(delta[index + 1]) @ weight_variances[index + 1].T
            + arithmetic.summed(above.shape[1], squares, upstream)
        )
        if index in batch.masks:
            mask = batch.masks[index]
            upstream, variance = upstream * mask, variance * np.square(mask)
        activation = network.layers[index].activation
        deviations.append(
            activation.pull_back_spread(trace.a[index], upstream, variance, of_a[index])
            + arithmetic.lost(activation.pull_back_roundoff(trace.a[index], upstream))
            + arithmetic.stored(delta[index])
        )
    deviations.reverse()

    allowance: dict[str, Array] = {}
    scale: dict[str, Array] = {}
    for index, own in enumerate(problem.parameters):
        z, d, penalty = trace.z[index], delta[index], penalty_gradient(problem, trace, index)
        squares = np.square(z).T @ np.square(d)
        variance = (
            of_z[index].T @ np.square(d)
            + np.square(z).T @ deviations[index]
            + arithmetic.summed(batch.size, squares, z.T @ d)
            + 4.0 * arithmetic.stored(penalty.weight)
            + 2.0 * arithmetic.stored(z.T @ d + penalty.weight)
        )
        name = f"layers.{index}.weight"
        allowance[name] = DEVIATIONS * np.sqrt(variance)
        scale[name] = np.abs(z).T @ np.abs(d) + np.abs(penalty.weight)
        if own.bias is not None and penalty.bias is not None:
            total = d.sum(axis=0)
            variance = (
                deviations[index].sum(axis=0)
                + arithmetic.summed(batch.size, np.square(d).sum(axis=0), total)
                + 4.0 * arithmetic.stored(penalty.bias)
                + 2.0 * arithmetic.stored(total + penalty.bias)
            )
            name = f"layers.{index}.bias"
            allowance[name] = DEVIATIONS * np.sqrt(variance)
            scale[name] = np.abs(d).sum(axis=0) + np.abs(penalty.bias)

    loss = DEVIATIONS * _deviation_of_risk(problem, trace, arithmetic, of_losses)
    return Rounding(allowance, scale, DEVIATIONS * np.sqrt(of_losses), loss)


def _deviation_of_risk(problem: Problem, trace: Trace, arithmetic: _Arithmetic, of_losses: Array) -> float:
    losses = example_losses(problem, trace.a[-1], trace.outputs)
    sum_of_losses = arithmetic.summed(losses.size, np.square(losses).sum(), losses.sum())
    data = (of_losses.sum() + sum_of_losses) * problem.risk.example_scale(losses.size) ** 2
    for penalty in problem.risk.penalties:
        arrays = [w for layer in problem.parameters for w in penalised(penalty, layer)]
        values = np.concatenate([NORMS[penalty.norm].value(w).ravel() for w in arrays])
        values = values * penalty.coefficient(losses.size)
        data = data + arithmetic.summed(values.size, 4.0 * np.square(values).sum(), values.sum())
    total = risk_value(problem, trace)
    return float(np.sqrt(data + 2.0 * arithmetic.stored(np.asarray(total))))


def _at_the_output(
    problem: Problem,
    trace: Trace,
    arithmetic: _Arithmetic,
    precision: Precision,
    of_a: Array,
    of_outputs: Array,
    delta: Array,
) -> tuple[Array, Array]:
    """Give the variance of δ_L, and that of each example's loss."""
    risk, batch = problem.risk, problem.batch
    terms, of_preactivation = terms_of_last_layer(problem)
    at, variance = (trace.a[-1], of_a) if of_preactivation else (trace.outputs, of_outputs)
    targets = batch.targets
    scale = risk.output_scale(targets.shape[-1])

    slope = terms.gradient(at, targets)
    values = terms.value(at, targets)
    of_values = (
        (np.square(slope) * variance).sum(axis=-1)
        + arithmetic.lost(terms.value_roundoff(at, targets)).sum(axis=-1)
        + arithmetic.summed(targets.shape[-1], np.square(values).sum(axis=-1), values.sum(axis=-1))
    )
    scale_delta = scale * risk.example_scale(batch.size)
    of_slope = (
        terms.gradient_spread(at, targets, variance)
        + arithmetic.lost(terms.gradient_roundoff(at, targets))
        + _conversion(targets, precision)
    ) * scale_delta**2
    if of_preactivation:
        return of_slope + arithmetic.stored(delta), scale**2 * of_values
    upstream = slope * scale_delta
    last = len(trace.a) - 1
    if last in batch.masks:
        upstream, of_slope = upstream * batch.masks[last], of_slope * np.square(batch.masks[last])
    activation = problem.network.layers[-1].activation
    of_delta = (
        activation.pull_back_spread(trace.a[-1], upstream, of_slope + arithmetic.stored(upstream), of_a)
        + arithmetic.lost(activation.pull_back_roundoff(trace.a[-1], upstream))
        + arithmetic.stored(delta)
    )
    return of_delta, scale**2 * of_values
