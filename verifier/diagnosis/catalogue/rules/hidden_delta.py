"""Wrong formulas for δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)."""

from collections.abc import Iterator

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.catalogue.bug import Flow, Place, Replacement
from verifier.diagnosis.catalogue.rules.derivatives import FORMS_AT_OUTPUT, taken_for_derivative

LEARNING_RATES = (0.1, 0.5, 0.01)


def sent_down(place: Place) -> Array:
    """Return ∂R/∂z_l = δ_{l+1} W_{l+1}ᵀ."""
    return np.asarray(_above(place).delta @ _weight_above(place).T)


def masked(place: Place, upstream: Array) -> Array:
    """Return an upstream gradient multiplied by the layer's dropout mask."""
    return upstream if place.mask is None else upstream * place.mask


def through(place: Place, upstream: Array) -> Array:
    """Return δ from ∂R/∂z of the layer by the right rule."""
    return np.asarray(place.row.activation.pull_back(place.a, masked(place, upstream)))


def missing_activation_derivative(place: Place) -> Iterator[Replacement]:
    yield Replacement(masked(place, sent_down(place)))


def upstream_error_for_delta(place: Place) -> Iterator[Replacement]:
    upstream = _above(place).upstream
    if upstream is not None:
        yield Replacement(through(place, upstream @ _weight_above(place).T))


def derivative_at_activation(place: Place) -> Iterator[Replacement]:
    activation = place.row.activation
    yield Replacement(activation.pull_back(activation.forward(place.a), masked(place, sent_down(place))))


def output_form_at_preactivation(place: Place) -> Iterator[Replacement]:
    form = FORMS_AT_OUTPUT.get(place.row.activation.name)
    if form is not None:
        yield Replacement(masked(place, sent_down(place)) * form(place.a))


def wrong_activation_derivative(place: Place) -> Iterator[Replacement]:
    upstream = masked(place, sent_down(place))
    for derivative, used in taken_for_derivative(place):
        yield Replacement(upstream * derivative, {"used": used})


def relu_on_upstream(place: Place) -> Iterator[Replacement]:
    upstream = np.maximum(masked(place, sent_down(place)), 0.0)
    yield Replacement(upstream)
    yield Replacement(place.row.activation.pull_back(place.a, upstream))


def mask_from_wrong_tensor(place: Place) -> Iterator[Replacement]:
    activation = place.row.activation
    if activation.derivative is None or not activation.kinks:
        return
    upstream = masked(place, sent_down(place))
    tensors = {f"a of layer {k}": a for k, a in enumerate(place.trace.a) if k != place.layer}
    tensors |= {"the layer's input": place.trace.z[place.layer], "the gradient from above": upstream}
    for name, tensor in tensors.items():
        if tensor.shape == upstream.shape:
            yield Replacement(upstream * activation.derivative(tensor), {"used": name})


def derivative_along_wrong_axis(place: Place) -> Iterator[Replacement]:
    upstream = _above(place).upstream
    if upstream is None or not _square_above(place):
        return
    above = place.problem.network.layers[place.layer + 1].activation
    for activation in (place.row.activation, above):
        if activation.derivative is not None:
            slope = activation.derivative(place.trace.a[place.layer + 1])
            yield Replacement(masked(place, upstream @ _weight_above(place).T) * slope)


def untransposed_weights(place: Place) -> Iterator[Replacement]:
    if _square_above(place):
        yield _from_upstream(place, _above(place).delta @ _weight_above(place))


def updated_weights(place: Place) -> Iterator[Replacement]:
    if place.step is None or place.row.activation.derivative is None:
        return
    change = through(place, -_above(place).delta @ place.step.T)
    yield Replacement(
        through(place, sent_down(place)), direction=change, unknown="learning_rate", usual=LEARNING_RATES
    )


def wrong_layer_weights(place: Place) -> Iterator[Replacement]:
    right = _weight_above(place)
    for index, other in enumerate(place.problem.parameters):
        if index != place.layer + 1 and other.weight.shape == right.shape:
            yield _from_upstream(place, _above(place).delta @ other.weight.T, other=f"layer {index}")


def dropout_mask_missing(place: Place) -> Iterator[Replacement]:
    if place.mask is not None:
        yield Replacement(place.row.activation.pull_back(place.a, sent_down(place)))


def dropout_scale_missing(place: Place) -> Iterator[Replacement]:
    if place.mask is not None:
        kept = (place.mask != 0).astype(place.mask.dtype)
        yield Replacement(place.row.activation.pull_back(place.a, sent_down(place) * kept))


def last_path_only(place: Place) -> Iterator[Replacement]:
    delta, weight = _above(place).delta, _weight_above(place)
    if delta.shape[1] > 1:
        yield _from_upstream(place, delta[:, -1:] @ weight[:, -1:].T)


def _from_upstream(place: Place, upstream: Array, **estimates: str) -> Replacement:
    return Replacement(through(place, upstream), estimates, upstream=upstream)


def _above(place: Place) -> Flow:
    if place.above is None:
        raise ValueError("a hidden delta needs the delta of the layer above, got none")
    return place.above


def _weight_above(place: Place) -> Array:
    return place.problem.parameters[place.layer + 1].weight


def _square_above(place: Place) -> bool:
    weight = _weight_above(place)
    return bool(weight.shape[0] == weight.shape[1])
