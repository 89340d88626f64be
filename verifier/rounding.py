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
from reference_impl.network import Trace
from reference_impl.problem import (
    Problem,
    losses_of_terms,
    penalised,
    risk_of_losses,
    terms_of_last_layer,
)
from verifier.engine.functions.loss_properties import loss_properties
from verifier.precision import Precision
from verifier.rounding_arithmetic import DEVIATIONS, RoundingArithmetic
from verifier.rounding_passes import (
    ALIKE,
    backward_deviations,
    forward_deviations,
    gradient_deviations,
    near,
)
from verifier.scales import Scales

ByParameter = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Rounding:
    """Rounding errors of a problem's losses, risk and gradient: `DEVIATIONS` standard deviations.

    trace: the forward pass that the errors belong to; oracles reuse it.
    losses, example_losses: (N,), the loss of each example, and its rounding error.
    risk, loss: the risk, and its rounding error.
    kinks: by layer, (N, out), True where rounding may move a pre-activation across a kink.
    scale: Σ of |contributions| to each gradient entry, by parameter.
    allowances: computes `allowance` on first use.
    """

    trace: Trace
    losses: Array
    example_losses: Array
    loss: float
    risk: float
    kinks: tuple[Array, ...]
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
        for kink in layer.activation.kinks:
            side = np.inf if abs(kink.right) >= abs(kink.left) else -np.inf
            a = np.where(near_kink, np.nextafter(kink.at, side), a)
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
    formula_error = arithmetic.lost(loss_properties(terms).value_roundoff(point, targets, values))
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


def _kink_masks(problem: Problem, trace: Trace, a_deviations: list[Array]) -> list[Array]:
    masks = []
    for layer, a, deviation in zip(problem.network.layers, trace.a, a_deviations, strict=True):
        mask = np.zeros(a.shape, dtype=bool)
        for kink in layer.activation.kinks:
            mask |= near(kink, a, deviation)
        masks.append(mask)
    return masks
