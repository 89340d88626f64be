"""Wrong formulas for ∂R/∂W_l = z_{l−1}ᵀ δ_l and ∂R/∂b_l = Σₙ δ_{l,n}."""

from collections.abc import Iterator

import numpy as np

from reference_impl.activations import ACTIVATIONS
from reference_impl.array import Array
from verifier.diagnosis.catalogue.bug import LayerContext, Replacement

_SAME_GRADIENT_RTOL = 1e-4  # gradients of two layers differ by more, in any precision


def activated_input(place: LayerContext) -> Iterator[Replacement]:
    z = place.trace.z[place.layer]
    layers = place.problem.network.layers
    nearby = [layers[place.layer].activation, layers[max(place.layer - 1, 0)].activation]
    others = [make() for make in ACTIVATIONS.values()] if place.submitted is not None else []
    for g in {activation.name: activation for activation in [*nearby, *others]}.values():
        if g.name != "identity":
            yield Replacement(g.forward(z).T @ _delta(place), {"used": g.name})


def preactivation_as_input(place: LayerContext) -> Iterator[Replacement]:
    if place.layer > 0:
        yield Replacement(place.trace.a[place.layer - 1].T @ _delta(place))


def wrong_layer_input(place: LayerContext) -> Iterator[Replacement]:
    right = place.trace.z[place.layer]
    for index, z in enumerate(place.trace.z):
        if index != place.layer and z.shape == right.shape:
            other = "the network's input" if index == 0 else f"layer {index - 1}"
            yield Replacement(z.T @ _delta(place), {"other": other})


def transposed_gradient(place: LayerContext) -> Iterator[Replacement]:
    gradient = place.trace.z[place.layer].T @ _delta(place)
    if min(gradient.shape) > 1:
        yield Replacement(gradient.T.reshape(gradient.shape))
        yield Replacement(gradient.reshape(gradient.T.shape).T)
        if place.penalty.weight.any():
            both = gradient + place.penalty.weight
            yield Replacement(both.T.reshape(gradient.shape), whole=True)
            yield Replacement(both.reshape(gradient.T.shape).T, whole=True)


def weight_of_another_layer(place: LayerContext) -> Iterator[Replacement]:
    for index, other in enumerate(place.gradients):
        if index != place.layer and other.weight.shape == place.parameters.weight.shape:
            estimates = {"other": f"layer {index}"}
            yield Replacement(other.weight, estimates, whole=True)
            if place.penalty.weight.any():
                yield Replacement(other.weight - place.penalties[index].weight, estimates)


def bias_of_exchanged_layer(place: LayerContext) -> Iterator[Replacement]:
    """Yield the bias gradient of the layer whose weight gradient was submitted for this one."""
    weight = place.submitted_by_kind.get("weight")
    if weight is None:
        return
    for index, other in enumerate(place.gradients):
        if index == place.layer or other.bias is None or other.weight.shape != weight.shape:
            continue
        data = other.weight - place.penalty.weight
        if other.bias.shape == _delta(place).shape[1:] and np.allclose(
            weight, data, rtol=_SAME_GRADIENT_RTOL, atol=0
        ):
            yield Replacement(other.bias, {"other": f"layer {index}"}, whole=True)


def last_example_of_weight(place: LayerContext) -> Iterator[Replacement]:
    if place.problem.batch.size > 1:
        yield Replacement(place.trace.z[place.layer][-1:].T @ _delta(place)[-1:])


def last_example_of_bias(place: LayerContext) -> Iterator[Replacement]:
    if place.problem.batch.size > 1:
        yield Replacement(_delta(place)[-1])


def zero_weight(place: LayerContext) -> Iterator[Replacement]:
    yield Replacement(np.zeros_like(place.parameters.weight), whole=True)
    if place.penalty.weight.any():
        yield Replacement(np.zeros_like(place.parameters.weight))


def zero_bias(place: LayerContext) -> Iterator[Replacement]:
    if place.parameters.bias is not None and place.penalty.bias is not None:
        yield Replacement(np.zeros_like(place.parameters.bias), whole=True)
        if place.penalty.bias.any():
            yield Replacement(np.zeros_like(place.parameters.bias))


def bias_summed_over_units(place: LayerContext) -> Iterator[Replacement]:
    delta = _delta(place)
    if delta.shape[1] > 1:
        yield Replacement(np.full(delta.shape[1], delta.sum()))


def weight_sum_for_mean(place: LayerContext) -> Iterator[Replacement]:
    """Yield N or 1/N times the product; in a layer without biases to compare with, a mutant alone."""
    examples = place.problem.batch.size
    if examples > 1 and (place.submitted is None or place.parameters.bias is not None):
        for factor in (float(examples), 1.0 / examples):
            yield Replacement(factor * product_of(place, "weight"), {"factor": factor})


def bias_mean_for_sum(place: LayerContext) -> Iterator[Replacement]:
    examples = place.problem.batch.size
    for factor in (1.0 / examples, float(examples)):
        yield Replacement(factor * _delta(place).sum(axis=0), {"factor": factor})


def bias_not_summed(place: LayerContext) -> Iterator[Replacement]:
    """Yield δ of one example: the one nearest to the submitted gradient, or the last one."""
    delta, examples = _delta(place), place.problem.batch.size
    for factor in (1.0, float(examples)):
        chosen = examples - 1
        if place.submitted is not None:
            chosen = int(np.abs(factor * delta - place.submitted).max(axis=1).argmin())
        yield Replacement(factor * delta[chosen], {"example": chosen})


def bias_row_sum_of_weight_gradient(place: LayerContext) -> Iterator[Replacement]:
    gradient = place.trace.z[place.layer].T @ _delta(place)
    yield Replacement(gradient.sum(axis=0))
    for gradients in (place.submitted_gradients, place.gradients):
        if gradients:
            yield Replacement(gradients[place.layer].weight.sum(axis=0), whole=True)


def bias_of_another_layer(place: LayerContext) -> Iterator[Replacement]:
    """Yield the bias gradient of another layer: the right one, or the submitted one."""
    for gradients in (place.gradients, place.submitted_gradients):
        for index, other in enumerate(gradients):
            if index == place.layer or other.bias is None or other.bias.shape != _delta(place).shape[1:]:
                continue
            estimates = {"other": f"layer {index}"}
            yield Replacement(other.bias, estimates, whole=True)
            penalty = place.penalties[index].bias
            if penalty is not None and penalty.any():
                yield Replacement(other.bias - penalty, estimates)


def product_of(place: LayerContext, kind: str) -> Array:
    """Return the right product, without penalties. kind: "weight" or "bias"."""
    delta = _delta(place)
    return np.asarray(place.trace.z[place.layer].T @ delta if kind == "weight" else delta.sum(axis=0))


def _delta(place: LayerContext) -> Array:
    if place.delta is None:
        raise ValueError("a product needs the layer's delta, got none")
    return place.delta
