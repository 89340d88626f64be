"""What is computed in place of ∂R/∂W_l = z_{l−1}ᵀ δ_l and of ∂R/∂b_l = Σₙ δ_{l,n}."""

from collections.abc import Iterator

import numpy as np

from reference_impl.activations import ACTIVATIONS
from reference_impl.array import Array
from verifier.diagnosis.bug import Place, Replacement

_ALIKE = 1e-4  # relative, in any precision: two layers' weight gradients are not that much alike


def activated_input(place: Place) -> Iterator[Replacement]:
    z = place.trace.z[place.layer]
    layers = place.problem.network.layers
    near = [layers[place.layer].activation, layers[max(place.layer - 1, 0)].activation]
    others = [make() for make in ACTIVATIONS.values()] if place.submitted is not None else []
    for g in {activation.name: activation for activation in [*near, *others]}.values():
        if g.name != "identity":
            yield Replacement(g.forward(z).T @ _delta(place), {"used": g.name})


def preactivation_as_input(place: Place) -> Iterator[Replacement]:
    if place.layer > 0:
        yield Replacement(place.trace.a[place.layer - 1].T @ _delta(place))


def wrong_layer_input(place: Place) -> Iterator[Replacement]:
    right = place.trace.z[place.layer]
    for index, z in enumerate(place.trace.z):
        if index != place.layer and z.shape == right.shape:
            other = "the network's input" if index == 0 else f"layer {index - 1}"
            yield Replacement(z.T @ _delta(place), {"other": other})


def transposed_gradient(place: Place) -> Iterator[Replacement]:
    gradient = place.trace.z[place.layer].T @ _delta(place)
    if min(gradient.shape) > 1:
        yield Replacement(gradient.T.reshape(gradient.shape))
        yield Replacement(gradient.reshape(gradient.T.shape).T)
        if place.penalty.weight.any():
            both = gradient + place.penalty.weight
            yield Replacement(both.T.reshape(gradient.shape), whole=True)
            yield Replacement(both.reshape(gradient.T.shape).T, whole=True)


def weight_of_another_layer(place: Place) -> Iterator[Replacement]:
    for index, other in enumerate(place.gradients):
        if index != place.layer and other.weight.shape == place.own.weight.shape:
            named = {"other": f"layer {index}"}
            yield Replacement(other.weight, named, whole=True)
            if place.penalty.weight.any():
                yield Replacement(other.weight - place.penalties[index].weight, named)


def bias_of_exchanged_layer(place: Place) -> Iterator[Replacement]:
    """The bias gradient that comes with another layer's weight gradient, where that was handed in."""
    weight = place.handed_in.get("weight")
    if weight is None:
        return
    for index, other in enumerate(place.gradients):
        if index == place.layer or other.bias is None or other.weight.shape != weight.shape:
            continue
        data = other.weight - place.penalty.weight
        if other.bias.shape == _delta(place).shape[1:] and np.allclose(weight, data, rtol=_ALIKE, atol=0):
            yield Replacement(other.bias, {"other": f"layer {index}"}, whole=True)


def last_example_of_weight(place: Place) -> Iterator[Replacement]:
    if place.problem.batch.size > 1:
        yield Replacement(place.trace.z[place.layer][-1:].T @ _delta(place)[-1:])


def last_example_of_bias(place: Place) -> Iterator[Replacement]:
    if place.problem.batch.size > 1:
        yield Replacement(_delta(place)[-1])


def zero_weight(place: Place) -> Iterator[Replacement]:
    yield Replacement(np.zeros_like(place.own.weight), whole=True)
    if place.penalty.weight.any():
        yield Replacement(np.zeros_like(place.own.weight))


def zero_bias(place: Place) -> Iterator[Replacement]:
    if place.own.bias is not None and place.penalty.bias is not None:
        yield Replacement(np.zeros_like(place.own.bias), whole=True)
        if place.penalty.bias.any():
            yield Replacement(np.zeros_like(place.own.bias))


def bias_summed_over_units(place: Place) -> Iterator[Replacement]:
    delta = _delta(place)
    if delta.shape[1] > 1:
        yield Replacement(np.full(delta.shape[1], delta.sum()))


def bias_mean_for_sum(place: Place) -> Iterator[Replacement]:
    examples = place.problem.batch.size
    for factor in (1.0 / examples, float(examples)):
        yield Replacement(factor * _delta(place).sum(axis=0), {"factor": factor})


def bias_not_summed(place: Place) -> Iterator[Replacement]:
    """δ of one example: of the last, or of the one that comes nearest to what was handed in."""
    delta, examples = _delta(place), place.problem.batch.size
    for factor in (1.0, float(examples)):
        chosen = examples - 1
        if place.submitted is not None:
            chosen = int(np.abs(factor * delta - place.submitted).max(axis=1).argmin())
        yield Replacement(factor * delta[chosen], {"example": chosen})


def bias_row_sum_of_weight_gradient(place: Place) -> Iterator[Replacement]:
    gradient = place.trace.z[place.layer].T @ _delta(place)
    yield Replacement(gradient.sum(axis=0))
    for gradients in (place.others, place.gradients):
        if gradients:
            yield Replacement(gradients[place.layer].weight.sum(axis=0), whole=True)


def bias_of_another_layer(place: Place) -> Iterator[Replacement]:
    """As it should be there, or as it was handed in there."""
    for gradients in (place.gradients, place.others):
        for index, other in enumerate(gradients):
            if index == place.layer or other.bias is None or other.bias.shape != _delta(place).shape[1:]:
                continue
            named = {"other": f"layer {index}"}
            yield Replacement(other.bias, named, whole=True)
            penalty = place.penalties[index].bias
            if penalty is not None and penalty.any():
                yield Replacement(other.bias - penalty, named)


def _delta(place: Place) -> Array:
    if place.delta is None:
        raise ValueError("a product needs the layer's delta, got none")
    return place.delta
