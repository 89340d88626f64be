"""Programs with an epsilon in a denominator of the loss's derivative, such as (p − y) / (p (1 − p) + ε)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from reference_impl.activations import activation
from reference_impl.array import Array
from reference_impl.backpropagation import (
    bias_gradient,
    gradients,
    output_delta,
    penalty_gradient,
    weight_gradient,
)
from reference_impl.losses import Terms
from reference_impl.network import Trace, named
from reference_impl.problem import Problem
from verifier.diagnosis.costs import EPSILON_STEPS, EPSILONS, ROUNDING_SLACK
from verifier.diagnosis.fitting import is_beyond_chance

# (p, y, ε) -> the derivative of the loss with respect to p
Form = Callable[[Array, Array, float], Array]

_FORMS: Mapping[str, tuple[Form, ...]] = MappingProxyType(
    {
        "cross_entropy": (lambda p, y, epsilon: -y / (p + epsilon),),
        "binary_cross_entropy": (
            lambda p, y, epsilon: (p - y) / (p * (1.0 - p) + epsilon),
            lambda p, y, epsilon: (1.0 - y) / (1.0 - p + epsilon) - y / (p + epsilon),
        ),
    }
)
_OF_LOGITS = MappingProxyType({"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"})


@dataclass(frozen=True, slots=True, eq=False)
class EpsilonHypothesis:
    """A loss whose derivative has an epsilon, and the right gradients of all parameters under it."""

    epsilon: float
    problem: Problem
    right: Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class _LastLayer:
    """Flat arrays over the submitted gradients of the last layer, without penalties."""

    submitted: Array
    allowance: Array


@np.errstate(all="ignore")  # an epsilon that overflows does not fit
def epsilon_hypotheses(
    problem: Problem, trace: Trace, submitted: Mapping[str, Array], allowance: Mapping[str, Array]
) -> Iterator[EpsilonHypothesis]:
    """Yield the epsilons that explain a gradient of the last layer, which may have a factor.

    allowance: rounding error of each entry, by parameter.
    """
    if problem.risk.on not in ("probabilities", "logits"):
        return
    last = len(problem.parameters) - 1
    penalty = penalty_gradient(problem, trace, last)
    for form in _FORMS.get(problem.risk.loss.name, ()):
        for kind in ("weight", "bias"):
            name = f"layers.{last}.{kind}"
            if name not in submitted:
                continue
            data = _LastLayer(
                (submitted[name] - getattr(penalty, kind)).ravel(), ROUNDING_SLACK * allowance[name].ravel()
            )
            epsilon = _epsilon(problem, trace, form, kind, data)
            if epsilon is not None:
                changed = _with_epsilon(problem, form, epsilon)
                yield EpsilonHypothesis(epsilon, changed, dict(named(gradients(changed, trace))))
                return


def _with_epsilon(problem: Problem, form: Form, epsilon: float) -> Problem:
    """Return the problem with another derivative of its loss."""
    loss, g = problem.risk.loss, activation(_OF_LOGITS[problem.risk.loss.name])

    def of_probabilities(p: Array, y: Array) -> Array:
        return form(p, y, epsilon)

    def of_logits(f: Array, y: Array) -> Array:
        return g.vjp(f, form(g.forward(f), y, epsilon))

    by_outputs = {"probabilities": of_probabilities, "logits": of_logits}
    terms = {on: replace(loss.on[on], gradient=derivative) for on, derivative in by_outputs.items()}
    on: Mapping[str, Terms] = {**loss.on, **terms}
    return replace(problem, risk=replace(problem.risk, loss=replace(loss, on=on, of_preactivation={})))


def _epsilon(problem: Problem, trace: Trace, form: Form, kind: str, data: _LastLayer) -> float | None:
    """Return the epsilon that explains a gradient of the last layer; None if none does, or 0."""
    last = len(problem.parameters) - 1

    def gradient(epsilon: float) -> Array:
        changed = _with_epsilon(problem, form, epsilon)
        delta = output_delta(changed, trace)
        product = weight_gradient if kind == "weight" else bias_gradient
        return product(changed, trace, last, delta).ravel()

    if data.submitted.size < 3:
        return None
    tolerance = data.allowance
    exact = _rest(gradient(0.0), data)
    if (np.abs(exact) <= tolerance).all() or not np.isfinite(exact).all():
        return None
    tried = [(float(np.linalg.norm(_rest(gradient(epsilon), data))), epsilon) for epsilon in EPSILONS]
    best, epsilon = min(tried)
    if not best < float(np.linalg.norm(exact)):
        return None
    for _ in range(EPSILON_STEPS):
        value = gradient(epsilon)
        rest = _rest(value, data)
        if (np.abs(rest) <= tolerance).all():
            break
        slope = (gradient(epsilon * (1.0 + 1e-4)) - value) / (1e-4 * epsilon)
        columns = np.stack([value, slope], axis=1)
        (scale, moved), _, rank, _ = np.linalg.lstsq(columns, data.submitted, rcond=None)
        if rank < 2 or scale == 0:
            return None
        epsilon = max(epsilon + moved / scale, 0.1 * epsilon)
    rest = _rest(gradient(epsilon), data)
    if not (np.abs(rest) <= tolerance).all():
        return None
    share = np.abs(exact) / np.maximum(tolerance, 5e-324)
    significant = share > 1.0
    bits = (int(significant.sum()) - 2) * float(np.median(np.log2(share[significant])))
    return float(epsilon) if is_beyond_chance(bits, len(EPSILONS)) else None


def _rest(value: Array, data: _LastLayer) -> Array:
    """Return what a gradient times its likeliest factor leaves of the submitted one."""
    rest = data.submitted - value
    if (np.abs(rest) <= data.allowance).all():
        return np.asarray(rest)
    return np.asarray(data.submitted - value * (float(data.submitted @ value) / float(value @ value)))
