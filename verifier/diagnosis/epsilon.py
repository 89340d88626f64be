"""Programs with an epsilon in a denominator of the loss's derivative, such as (p − y) / (p (1 − p) + ε)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType

import numpy as np

from reference_impl.activations import activation
from reference_impl.array import Array
from reference_impl.backpropagation import (
    bias_gradient,
    gradients,
    output_delta,
    penalty_gradient,
    through_activation,
    weight_gradient,
)
from reference_impl.losses import Terms
from reference_impl.network import Trace, named
from reference_impl.problem import Problem
from verifier.diagnosis.costs import (
    EPSILON_MAX_LEFT,
    EPSILON_STEP,
    EPSILON_STEPS,
    EPSILONS,
    ROUNDING_SLACK,
)
from verifier.diagnosis.evidence import SubmittedEvidence
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
_ROUNDING_OF_P = 2.0**-52  # of a probability, and of its complement to 1
_OF_LOGITS = MappingProxyType({"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"})


@dataclass(frozen=True, slots=True, eq=False)
class EpsilonHypothesis:
    """A loss whose derivative has an epsilon, and the right gradients of all parameters under it.

    allowance: what the rounding of the probabilities costs each entry, by parameter. 1 − p loses digits where
    p is near 1, and a derivative that is computed by itself does not cancel that.
    """

    epsilon: float
    problem: Problem
    right: Mapping[str, Array]
    allowance: Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class _LastGradient:
    """A gradient of the last layer without penalties, flat, with the largest error of each entry.

    is_scaled: it may have a factor, which is estimated.
    """

    submitted: Array
    tolerance: Array
    is_scaled: bool

    def rest(self, value: Array) -> Array:
        """Return what a value, times its likeliest factor, leaves of the gradient."""
        factor = np.divide(self.submitted @ value, value @ value) if self.is_scaled else 1.0
        return np.asarray(self.submitted - factor * value)

    def fits(self, value: Array) -> bool:
        """True if the value, times its likeliest factor, leaves only rounding."""
        return bool((np.abs(self.rest(value)) <= self.tolerance).all())


@np.errstate(all="ignore")  # an epsilon that overflows does not fit
def epsilon_hypotheses(
    problem: Problem, trace: Trace, submitted: Mapping[str, Array], allowance: Mapping[str, Array]
) -> Iterator[EpsilonHypothesis]:
    """Yield the epsilon that explains a gradient of the last layer, which may have a factor.

    allowance: rounding error of each entry, by parameter.
    """
    forms = _FORMS.get(problem.risk.loss.name, ()) if problem.risk.on in ("probabilities", "logits") else ()
    last = len(problem.parameters) - 1
    penalty = penalty_gradient(problem, trace, last)
    for is_scaled, form, kind in product((False, True), forms, ("weight", "bias")):
        name = f"layers.{last}.{kind}"
        if name not in submitted:
            continue
        data = (submitted[name] - getattr(penalty, kind)).ravel()
        tolerance = ROUNDING_SLACK * allowance[name].ravel()
        epsilon = _epsilon(problem, trace, form, kind, _LastGradient(data, tolerance, is_scaled))
        if epsilon is not None:
            changed = _with_epsilon(problem, form, epsilon)
            lost = _lost_by_probabilities(problem, trace, form, epsilon)
            yield EpsilonHypothesis(epsilon, changed, dict(named(gradients(changed, trace))), lost)
            return


def _lost_by_probabilities(problem: Problem, trace: Trace, form: Form, epsilon: float) -> dict[str, Array]:
    """Return what the rounding of the probabilities costs each entry of the gradient, to first order."""
    exact = output_delta(_with_epsilon(problem, form, epsilon), trace)
    moved = output_delta(_with_epsilon(problem, form, epsilon, 1.0 - _ROUNDING_OF_P), trace)
    delta, lost = np.abs(moved - exact), {}
    for index in reversed(range(len(problem.parameters))):
        layer = problem.parameters[index]
        lost[f"layers.{index}.weight"] = np.abs(trace.z[index]).T @ delta
        if layer.bias is not None:
            lost[f"layers.{index}.bias"] = delta.sum(axis=0)
        if index:
            below, a = problem.network.layers[index - 1].activation, trace.a[index - 1]
            slope = 1.0 if below.derivative is None else np.abs(below.derivative(a))
            delta = (delta @ np.abs(layer.weight).T) * slope
    return lost


def _with_epsilon(problem: Problem, form: Form, epsilon: float, factor: float = 1.0) -> Problem:
    """Return the problem with another derivative of its loss. factor: of the probabilities."""
    loss, g = problem.risk.loss, activation(_OF_LOGITS[problem.risk.loss.name])

    def of_probabilities(p: Array, y: Array) -> Array:
        return form(factor * p, y, epsilon)

    def of_logits(f: Array, y: Array) -> Array:
        return g.vjp(f, form(factor * g.forward(f), y, epsilon))

    by_outputs = {"probabilities": of_probabilities, "logits": of_logits}
    terms = {on: replace(loss.on[on], gradient=derivative) for on, derivative in by_outputs.items()}
    on: Mapping[str, Terms] = {**loss.on, **terms}
    return replace(problem, risk=replace(problem.risk, loss=replace(loss, on=on, of_preactivation={})))


def _epsilon(problem: Problem, trace: Trace, form: Form, kind: str, data: _LastGradient) -> float | None:
    """Return the epsilon that explains a gradient of the last layer; None if none does, or 0."""
    last = len(problem.parameters) - 1

    def gradient(epsilon: float) -> Array:
        changed = _with_epsilon(problem, form, epsilon)
        delta = output_delta(changed, trace)
        rule = weight_gradient if kind == "weight" else bias_gradient
        return rule(changed, trace, last, delta).ravel()

    exact = gradient(0.0)
    errors = data.rest(exact)
    if data.fits(exact) or not np.isfinite(errors).all():
        return None
    best, epsilon = min((float(np.linalg.norm(data.rest(gradient(start)))), start) for start in EPSILONS)
    if not best < float(np.linalg.norm(errors)):
        return None
    lost = _lost_by_probabilities(problem, trace, form, epsilon)[f"layers.{last}.{kind}"].ravel()
    data = replace(data, tolerance=data.tolerance + ROUNDING_SLACK * lost)
    if data.fits(exact):
        return None
    for _ in range(EPSILON_STEPS):
        value = gradient(epsilon)
        if data.fits(value):
            break
        slope = (gradient(epsilon * (1.0 + EPSILON_STEP)) - value) / (EPSILON_STEP * epsilon)
        columns = [value, slope] if data.is_scaled else [slope]
        target = data.submitted - (0.0 if data.is_scaled else value)
        coefficients, _, rank, _ = np.linalg.lstsq(np.stack(columns, axis=1), target, rcond=None)
        scale = coefficients[0] if data.is_scaled else 1.0
        if rank < len(columns) or scale == 0:
            return None
        epsilon = max(epsilon + coefficients[-1] / scale, 0.1 * epsilon)
    short = float(f"{epsilon:.1g}")  # as a person writes it
    is_short = data.fits(gradient(short))
    epsilon = short if is_short else epsilon
    if not data.fits(gradient(epsilon)):
        return None
    share = np.abs(errors) / np.maximum(data.tolerance, 5e-324)
    significant = share > 1.0
    spare = int(significant.sum()) - (not is_short) - data.is_scaled
    bits = spare * float(np.median(np.log2(share[significant])))
    return float(epsilon) if is_beyond_chance(bits, len(EPSILONS)) else None


@np.errstate(all="ignore")
def epsilon_of(evidence: SubmittedEvidence) -> float | None:
    """Return ε such that 1/(p + ε) or 1/(p (1 − p) + ε) in ∂R/∂p gives the last layer's gradients."""
    problem, trace = evidence.problem, evidence.trace
    if problem.risk.on != "probabilities":
        return None
    last = len(evidence.parts) - 1
    parts = [part for part in evidence.submitted_parts(last) if part.right]
    p, y = trace.outputs, problem.batch.targets
    scale = problem.risk.output_scale(y.shape[-1]) * problem.risk.example_scale(problem.batch.size)
    upstream = problem.risk.loss.on["probabilities"].gradient(p, y) * scale
    denominator = p if problem.risk.loss.name == "cross_entropy" else p * (1.0 - p)
    change = through_activation(problem, trace, last, -upstream / denominator)
    rests, slopes = [], []
    for part in parts:
        rest = np.asarray(part.submitted - getattr(evidence.reference[last], part.kind))
        slope = trace.z[last].T @ change if part.kind == "weight" else change.sum(axis=0)
        rests.append(rest.ravel())
        slopes.append(np.ravel(slope))
    if not parts:
        return None
    rest, slope = np.concatenate(rests), np.concatenate(slopes)
    square = float(slope @ slope)
    if rest.size < 2 or not square > 0:
        return None
    epsilon = float(rest @ slope) / square
    left = float(np.linalg.norm(rest - epsilon * slope))
    explained = left <= EPSILON_MAX_LEFT * float(np.linalg.norm(rest))
    return epsilon if epsilon > 0 and explained else None
