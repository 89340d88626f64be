"""What honest arithmetic of a given precision loses on a problem: no tolerance needs tuning.

Standard deviations of the rounding errors are carried to first order beside the values, forward and backward.
A sum S of n terms t, in an order that nobody knows, adds u/√3 · √((1 + n/6) Σ t² + n S²/3): the root mean
square of its partial sums in a random order, which form a Brownian bridge (compare Higham & Mary, SIAM J.
Sci. Comput. 41, 2019, A2815). Elementary functions add what their textbook formula loses (the tables'
`roundoff`).

Error: an estimate, not a bound; `benchmarks/soundness.py` holds it against what is really lost.
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
    """What rounding may cost, `DEVIATIONS` standard deviations.

    trace: the forward pass whose rounding this is, for oracles that start from it.
    example_losses: (N,), of each example's loss, whose values are `losses`. loss: of the risk, `risk`.
    kinks: by layer, (N, out), where rounding may carry a pre-activation over a kink.
    scale: Σ of |contributions| to each entry, by parameter.
    allowances: how to work out, when first asked, what `allowance` holds.
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
        """What each entry may lose, by parameter."""
        return self.allowances()


@np.errstate(all="ignore")  # what overflows is unknown, and judged so by whoever compares
def rounding(problem: Problem, trace: Trace, precision: Precision, *, independent: bool = False) -> Rounding:
    """Estimate the rounding of a backpropagation in `precision`, entry by entry, on either side of a kink.

    independent: see `RoundingArithmetic`. What passes then passes without it, too.
    """
    arithmetic = RoundingArithmetic(precision, independent)
    own = _Forward.of(problem, trace, arithmetic)
    kinks = tuple(_near_kinks(problem, trace, own.of_a))
    sides = [trace]
    with_kinks = zip(problem.network.layers, kinks, strict=True)
    if any(reached.any() for layer, reached in with_kinks if layer.activation.kinks):
        sides.append(_on_the_steeper_side(problem, trace, kinks))

    def allowances() -> ByParameter:
        first, *others = sides
        with np.errstate(all="ignore"):
            found = [_allowances(problem, first, arithmetic, own)]
            found += [
                _allowances(problem, side, arithmetic, _Forward.of(problem, side, arithmetic))
                for side in others
            ]
            return _largest(found)

    terms, of_preactivation = terms_of_last_layer(problem)
    values = terms.value(trace.a[-1] if of_preactivation else trace.outputs, problem.batch.targets)
    losses = losses_of_terms(problem, values)
    risk = risk_of_losses(problem, losses)
    of_losses = _of_losses(problem, trace, arithmetic, own.of_a[-1], own.of_z[-1], values)
    of_risk = _of_risk(problem, arithmetic, losses, of_losses, risk)
    return Rounding(
        trace,
        losses,
        DEVIATIONS * of_losses,
        DEVIATIONS * of_risk,
        risk,
        kinks,
        Scales(problem, sides),
        allowances,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Forward:
    """Deviations of weights, and of a and z of every layer; z starts with the inputs."""

    of_weights: list[Array]
    of_a: list[Array]
    of_z: list[Array]

    @classmethod
    def of(cls, problem: Problem, trace: Trace, arithmetic: RoundingArithmetic) -> "_Forward":
        of_weights = [arithmetic.converted(own.weight) for own in problem.parameters]
        return cls(of_weights, *forward_deviations(problem, trace, arithmetic, of_weights))


def _allowances(
    problem: Problem, trace: Trace, arithmetic: RoundingArithmetic, forward: _Forward
) -> ByParameter:
    delta = deltas(problem, trace)
    # examples whose outputs are alike have the output's errors in common, whatever their targets
    alike = max(ALIKE, arithmetic.share_alike(trace.a[-1]))
    of_delta = backward_deviations(
        problem, trace, arithmetic, forward.of_weights, forward.of_a, forward.of_z[-1], delta
    )
    found: dict[str, Array] = {}
    for index, own in enumerate(problem.parameters):
        extra = penalty_gradient(problem, trace, index) if problem.risk.penalties else None
        deviation = gradient_deviations(
            arithmetic,
            trace.z[index],
            forward.of_z[index],
            delta[index],
            of_delta[index],
            own.bias is not None,
            extra,
            alike,
        )
        deviation *= DEVIATIONS
        inputs = own.weight.shape[0]
        found[f"layers.{index}.weight"] = deviation[:inputs]
        if own.bias is not None:
            found[f"layers.{index}.bias"] = deviation[inputs:].reshape(own.bias.shape)
    return found


def _largest(sides: list[ByParameter]) -> ByParameter:
    first, *others = sides
    found = dict(first)
    for other in others:
        found = {name: np.maximum(own, other[name]) for name, own in found.items()}
    return found


def _on_the_steeper_side(problem: Problem, trace: Trace, kinks: tuple[Array, ...]) -> Trace:
    """Move the pre-activations near a kink just over to where the slope is larger."""
    moved = []
    for layer, a, reached in zip(problem.network.layers, trace.a, kinks, strict=True):
        for kink in layer.activation.kinks:
            side = np.inf if abs(kink.right) >= abs(kink.left) else -np.inf
            a = np.where(reached, np.nextafter(kink.at, side), a)
        moved.append(a)
    return Trace(tuple(moved), trace.z)


def _of_losses(
    problem: Problem,
    trace: Trace,
    arithmetic: RoundingArithmetic,
    of_a: Array,
    of_outputs: Array,
    values: Array,
) -> Array:
    """Give the deviation of each example's loss, whose terms are `values`."""
    terms, of_preactivation = terms_of_last_layer(problem)
    at, of_at = (trace.a[-1], of_a) if of_preactivation else (trace.outputs, of_outputs)
    targets = problem.batch.targets
    own = arithmetic.lost(loss_properties(terms).value_roundoff(at, targets, values))
    of_values = np.hypot(terms.gradient(at, targets) * of_at, own)
    return arithmetic.of_row_sums(values, of_values) * abs(problem.risk.output_scale(values.shape[-1]))


def _of_risk(
    problem: Problem, arithmetic: RoundingArithmetic, losses: Array, of_losses: Array, risk: float
) -> float:
    """Give the deviation of the risk, of whose examples each has a loss and its deviation."""
    (data,) = arithmetic.of_row_sums(losses[None], of_losses[None]) * problem.risk.example_scale(losses.size)
    for penalty in problem.risk.penalties:
        arrays = [w for layer in problem.parameters for w in penalised(penalty, layer)]
        values = np.concatenate([NORMS[penalty.norm].value(w).ravel() for w in arrays])
        values = values * penalty.coefficient(losses.size)
        (of_sum,) = arithmetic.of_row_sums(values[None], arithmetic.stored(values)[None])
        data = np.hypot(data, of_sum)
    return float(np.hypot(data, sqrt(2.0) * arithmetic.stored(np.asarray(risk))))


def _near_kinks(problem: Problem, trace: Trace, of_a: list[Array]) -> list[Array]:
    found = []
    for layer, a, deviation in zip(problem.network.layers, trace.a, of_a, strict=True):
        reached = np.zeros(a.shape, dtype=bool)
        for kink in layer.activation.kinks:
            reached |= near(kink, a, deviation)
        found.append(reached)
    return found
