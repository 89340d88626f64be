"""Wrong formulas for δ_L = ∂R/∂z_L ∘ g′(a_L)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reference_impl.activations import Activation, activation
from reference_impl.array import Array
from reference_impl.backpropagation import output_delta
from reference_impl.losses import LOSSES
from verifier.diagnosis.catalogue.bug import LayerContext, Replacement
from verifier.diagnosis.catalogue.rules.derivatives import FORMS_AT_OUTPUT, wrong_derivatives
from verifier.diagnosis.catalogue.rules.example_weights import weights_for
from verifier.diagnosis.catalogue.rules.hidden_delta import apply_mask, upstream_of

_OF_LOGITS = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid", "kl_divergence": "softmax"}
_OF_SOFTMAX = ("cross_entropy", "kl_divergence")


@dataclass(frozen=True, slots=True, eq=False)
class _Last:
    """The last function of a network, f = g(a), and ∂R/∂f, in a program that computes them separately.

    a: argument of g. y: targets. upstream: ∂R/∂f. All have shape (N, C).
    scale: product of the loss's factor and reductions, a factor of every ∂R/∂f.
    of_logits: g is the softmax or sigmoid of the loss, applied after the last layer's activation.
    """

    g: Activation
    a: Array
    f: Array
    y: Array
    upstream: Array
    scale: float
    of_logits: bool


def _last(place: LayerContext) -> _Last:
    risk, batch = place.problem.risk, place.problem.batch
    scale = risk.output_scale(batch.targets.shape[-1]) * risk.example_scale(batch.size)
    of_logits = risk.on == "logits"
    if of_logits:
        g, a = activation(_OF_LOGITS[risk.loss.name]), place.trace.outputs
        f, terms = g.forward(a), risk.loss.on["probabilities"]
    else:
        g, a = place.row.activation, place.a
        f, terms = place.trace.outputs, risk.loss.on[risk.on]
    upstream = terms.gradient(f, batch.targets) * scale
    return _Last(g, a, f, batch.targets, upstream, scale, of_logits)


def _to_preactivation(place: LayerContext, last: _Last, of_a: Array) -> Array:
    """Return δ_L from ∂R/∂a, a being the argument of g."""
    if last.of_logits:
        return np.asarray(place.row.activation.vjp(place.a, apply_mask(place, of_a)))
    return of_a


def output_upstream(place: LayerContext) -> Array:
    """Return ∂R/∂z_L, the derivative with respect to the network's outputs."""
    return apply_mask(place, _unmasked(place))


def missing_output_derivative(place: LayerContext) -> Iterator[Replacement]:
    last = _last(place)
    if place.row.activation.name != "identity":
        yield Replacement(output_upstream(place))
    if last.of_logits:
        yield Replacement(_to_preactivation(place, last, last.upstream))


def extra_output_derivative(place: LayerContext) -> Iterator[Replacement]:
    last, right = _last(place), output_delta(place.problem, place.trace)
    if last.of_logits or place.problem.risk.on == "probabilities":
        yield Replacement(right * last.f * (1.0 - last.f))
        if last.g.derivative is None:
            yield Replacement(last.g.vjp(last.a, right))
    if place.row.activation.name != "identity":
        yield Replacement(place.row.activation.vjp(place.a, right))


def softmax_jacobian_diagonal(place: LayerContext) -> Iterator[Replacement]:
    for last in _softmax(place):
        yield Replacement(_to_preactivation(place, last, last.upstream * last.f * (1.0 - last.f)))


def softmax_jacobian_missing(place: LayerContext) -> Iterator[Replacement]:
    for last in _softmax(place):
        yield Replacement(_to_preactivation(place, last, last.upstream))


def softmax_one_minus_p(place: LayerContext) -> Iterator[Replacement]:
    for last in _softmax(place):
        yield Replacement(_to_preactivation(place, last, last.upstream * (1.0 - last.f)))


def softmax_over_batch(place: LayerContext) -> Iterator[Replacement]:
    for last in _softmax(place):
        exponentials = np.exp(last.a - last.a.max())
        totals = [exponentials.sum(axis=0)]
        if last.a.shape[0] > 1:  # with one example the batch is the row
            totals.insert(0, exponentials.sum())
        for total in totals:
            yield from _with_probabilities(place, last, exponentials / total)


def softmax_twice(place: LayerContext) -> Iterator[Replacement]:
    for last in _softmax(place):
        twice = last.g.forward(last.f)
        yield from _with_probabilities(place, last, twice)
        if place.problem.risk.loss.name in _OF_SOFTMAX:
            of_inner = twice * last.y.sum(axis=-1, keepdims=True) - last.y
            yield Replacement(_to_preactivation(place, last, last.g.vjp(last.a, of_inner * last.scale)))


def weighted_output_delta(place: LayerContext) -> Iterator[Replacement]:
    delta = output_delta(place.problem, place.trace)
    for weights, unknowns in weights_for(place, delta, place.submitted_by_kind):
        yield Replacement(weights[:, None] * delta, {"weights": weights.tolist()}, unknowns=unknowns)


def hidden_softmax_diagonal(place: LayerContext) -> Iterator[Replacement]:
    """Yield u ∘ p(1 − p) in a hidden softmax layer."""
    if place.row.activation.name == "softmax":
        p = place.row.activation.forward(place.a)
        yield Replacement(apply_mask(place, upstream_of(place)) * p * (1.0 - p))


def target_ignored(place: LayerContext) -> Iterator[Replacement]:
    last = _last(place)
    risk = place.problem.risk
    entropies = risk.loss.name in _OF_LOGITS
    zeros = np.zeros(last.y.shape)
    of_f = last.f * last.scale if entropies else risk.loss.on[risk.on].gradient(last.f, zeros) * last.scale
    if entropies:
        yield Replacement(_to_preactivation(place, last, of_f))
        return
    yield Replacement(place.row.activation.vjp(place.a, apply_mask(place, of_f)))
    yield Replacement(apply_mask(place, of_f))


def right_gradient_of_another_loss(place: LayerContext) -> Iterator[Replacement]:
    """Yield δ_L of every loss defined for these targets and outputs, under the same reductions."""
    risk, batch = place.problem.risk, place.problem.batch
    outputs = place.trace.outputs
    reductions = risk.example_scale(batch.size) / (outputs.shape[-1] if risk.outputs == "mean" else 1)
    for name, loss in LOSSES.items():
        for on, terms in loss.on.items():
            if (name, on) == (risk.loss.name, risk.on) or name in ("kl_divergence", "nll", "huber"):
                continue  # their gradients are the cross entropy's, and often half of mse's
            if name == "mae" or (name == "hinge" and not _is_one_hot(batch.targets)):
                continue  # the absolute error has a row of its own below
            if on == "probabilities" and not bool(((outputs > 0) & (outputs < 1)).all()):
                continue
            upstream = terms.gradient(outputs, batch.targets) * (loss.default_factor * reductions)
            delta = place.row.activation.vjp(place.a, apply_mask(place, upstream))
            yield Replacement(delta, {"alternative": name if on == "values" else f"{name} on {on}"})
    if risk.loss.name == "mae":
        return
    absolute = np.sign(outputs - batch.targets) * reductions
    delta = place.row.activation.vjp(place.a, apply_mask(place, absolute))
    yield Replacement(delta, {"alternative": "mean absolute error"})


def _is_one_hot(targets: Array) -> bool:
    return bool(((targets == 0) | (targets == 1)).all() and (targets.sum(axis=-1) == 1).all())


def _softmax(place: LayerContext) -> Iterator[_Last]:
    last = _last(place)
    if last.g.name == "softmax":
        yield last


def _with_probabilities(place: LayerContext, last: _Last, p: Array) -> Iterator[Replacement]:
    """Yield δ_L with p in place of the softmax."""
    if place.problem.risk.loss.name in _OF_SOFTMAX:
        of_a = (p * last.y.sum(axis=-1, keepdims=True) - last.y) * last.scale
    else:
        upstream = place.problem.risk.loss.on[place.problem.risk.on].gradient(p, last.y) * last.scale
        of_a = p * (upstream - (upstream * p).sum(axis=-1, keepdims=True))
    yield Replacement(_to_preactivation(place, last, of_a))


def derivative_at_output(place: LayerContext) -> Iterator[Replacement]:
    """Yield δ_L with g′(z_L) in place of g′(a_L)."""
    activation = place.row.activation
    if activation.name != "identity":
        yield Replacement(activation.vjp(activation.forward(place.a), output_upstream(place)))


def output_form_at_output(place: LayerContext) -> Iterator[Replacement]:
    form = FORMS_AT_OUTPUT.get(place.row.activation.name)
    if form is not None:
        yield Replacement(output_upstream(place) * form(place.a))


def wrong_output_derivative(place: LayerContext) -> Iterator[Replacement]:
    if place.row.activation.name != "identity":
        for derivative, used in wrong_derivatives(place):
            yield Replacement(output_upstream(place) * derivative, {"used": used})


def output_mask_missing(place: LayerContext) -> Iterator[Replacement]:
    if place.mask is not None:
        yield Replacement(place.row.activation.vjp(place.a, _unmasked(place)))


def output_mask_scale_missing(place: LayerContext) -> Iterator[Replacement]:
    if place.mask is not None:
        yield Replacement(place.row.activation.vjp(place.a, _unmasked(place) * (place.mask != 0)))


def _unmasked(place: LayerContext) -> Array:
    """Return ∂R/∂z_L before the last layer's mask."""
    risk, batch = place.problem.risk, place.problem.batch
    scale = risk.output_scale(batch.targets.shape[-1]) * risk.example_scale(batch.size)
    return np.asarray(risk.loss.on[risk.on].gradient(place.trace.outputs, batch.targets) * scale)


def last_example_of_output(place: LayerContext) -> Iterator[Replacement]:
    delta = output_delta(place.problem, place.trace)
    if delta.shape[0] > 1:
        only = np.zeros_like(delta)
        only[-1] = delta[-1]
        yield Replacement(only)


def hidden_derivative_at_output(place: LayerContext) -> Iterator[Replacement]:
    """Yield δ_L times the derivative of an activation that the last layer does not have."""
    right, last = output_delta(place.problem, place.trace), _last(place)
    hidden = [row.activation for row in place.problem.network.layers[:-1]]
    others = [*hidden, activation("sigmoid")]
    for other in {one.name: one for one in others if one.derivative is not None}.values():
        if other.name in ("identity", place.row.activation.name):
            continue
        yield Replacement(right * other.derivative(last.a), {"used": f"the derivative of {other.name} at a"})  # type: ignore[misc]
        form = FORMS_AT_OUTPUT.get(other.name)
        if form is not None:
            yield Replacement(right * form(last.f), {"used": f"the derivative of {other.name}, written in f"})


def target_sum_ignored(place: LayerContext) -> Iterator[Replacement]:
    for last in _softmax(place):
        if place.problem.risk.loss.name in _OF_SOFTMAX:
            yield Replacement(_to_preactivation(place, last, (last.f - last.y) * last.scale))
