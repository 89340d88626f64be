"""Wrong formulas for δ_l = (δ_{l+1} W_{l+1}ᵀ) ∘ g′(a_l)."""

from collections.abc import Iterator

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.catalogue.bug import LayerContext, Replacement, UpstreamGradient
from verifier.diagnosis.catalogue.rules.derivatives import FORMS_AT_OUTPUT, wrong_derivatives

LEARNING_RATES = (0.1, 0.5, 0.01)


def upstream_of(place: LayerContext) -> Array:
    """Return ∂R/∂z_l = δ_{l+1} W_{l+1}ᵀ."""
    return np.asarray(_above(place).delta @ _weight_above(place).T)


def apply_mask(place: LayerContext, upstream: Array) -> Array:
    """Return an upstream gradient multiplied by the layer's dropout mask."""
    return upstream if place.mask is None else upstream * place.mask


def delta_from_upstream(place: LayerContext, upstream: Array) -> Array:
    """Return δ from ∂R/∂z of the layer by the right rule."""
    return np.asarray(place.row.activation.vjp(place.a, apply_mask(place, upstream)))


def missing_activation_derivative(place: LayerContext) -> Iterator[Replacement]:
    yield Replacement(apply_mask(place, upstream_of(place)))


def upstream_error_for_delta(place: LayerContext) -> Iterator[Replacement]:
    upstream = _above(place).upstream
    if upstream is not None:
        yield Replacement(delta_from_upstream(place, upstream @ _weight_above(place).T))


def derivative_at_activation(place: LayerContext) -> Iterator[Replacement]:
    activation = place.row.activation
    yield Replacement(activation.vjp(activation.forward(place.a), apply_mask(place, upstream_of(place))))


def output_form_at_preactivation(place: LayerContext) -> Iterator[Replacement]:
    form = FORMS_AT_OUTPUT.get(place.row.activation.name)
    if form is not None:
        yield Replacement(apply_mask(place, upstream_of(place)) * form(place.a))


def wrong_activation_derivative(place: LayerContext) -> Iterator[Replacement]:
    upstream = apply_mask(place, upstream_of(place))
    for derivative, used in wrong_derivatives(place):
        yield Replacement(upstream * derivative, {"used": used})


def relu_on_upstream(place: LayerContext) -> Iterator[Replacement]:
    upstream = np.maximum(apply_mask(place, upstream_of(place)), 0.0)
    yield Replacement(upstream)
    yield Replacement(place.row.activation.vjp(place.a, upstream))


def mask_from_wrong_tensor(place: LayerContext) -> Iterator[Replacement]:
    activation = place.row.activation
    if activation.derivative is None or not activation.kinks:
        return
    upstream = apply_mask(place, upstream_of(place))
    tensors = {f"a of layer {k}": a for k, a in enumerate(place.trace.a) if k != place.layer}
    tensors |= {"the layer's input": place.trace.z[place.layer], "the gradient from above": upstream}
    for name, tensor in tensors.items():
        if tensor.shape == upstream.shape:
            yield Replacement(upstream * activation.derivative(tensor), {"used": name})


def derivative_along_wrong_axis(place: LayerContext) -> Iterator[Replacement]:
    upstream = _above(place).upstream
    if upstream is None or not _square_above(place):
        return
    above = place.problem.network.layers[place.layer + 1].activation
    for activation in (place.row.activation, above):
        if activation.derivative is not None:
            slope = activation.derivative(place.trace.a[place.layer + 1])
            yield Replacement(apply_mask(place, upstream @ _weight_above(place).T) * slope)


def untransposed_weights(place: LayerContext) -> Iterator[Replacement]:
    if _square_above(place):
        yield _from_upstream(place, _above(place).delta @ _weight_above(place))


def updated_weights(place: LayerContext) -> Iterator[Replacement]:
    if place.step is None or place.row.activation.derivative is None:
        return
    change = delta_from_upstream(place, -_above(place).delta @ place.step.T)
    yield Replacement(
        delta_from_upstream(place, upstream_of(place)),
        direction=change,
        unknown="learning_rate",
        usual=LEARNING_RATES,
    )


def wrong_layer_weights(place: LayerContext) -> Iterator[Replacement]:
    right = _weight_above(place)
    for index, other in enumerate(place.problem.parameters):
        if index != place.layer + 1 and other.weight.shape == right.shape:
            yield _from_upstream(place, _above(place).delta @ other.weight.T, other=f"layer {index}")


def dropout_mask_missing(place: LayerContext) -> Iterator[Replacement]:
    if place.mask is not None:
        yield Replacement(place.row.activation.vjp(place.a, upstream_of(place)))


def dropout_scale_missing(place: LayerContext) -> Iterator[Replacement]:
    if place.mask is not None:
        kept = (place.mask != 0).astype(place.mask.dtype)
        yield Replacement(place.row.activation.vjp(place.a, upstream_of(place) * kept))


def last_path_only(place: LayerContext) -> Iterator[Replacement]:
    delta, weight = _above(place).delta, _weight_above(place)
    if delta.shape[1] > 1:
        yield _from_upstream(place, delta[:, -1:] @ weight[:, -1:].T)


def _from_upstream(place: LayerContext, upstream: Array, **estimates: str) -> Replacement:
    return Replacement(delta_from_upstream(place, upstream), estimates, upstream=upstream)


def _above(place: LayerContext) -> UpstreamGradient:
    if place.above is None:
        raise ValueError("a hidden delta needs the delta of the layer above, got none")
    return place.above


def _weight_above(place: LayerContext) -> Array:
    return place.problem.parameters[place.layer + 1].weight


def _square_above(place: LayerContext) -> bool:
    weight = _weight_above(place)
    return bool(weight.shape[0] == weight.shape[1])


def derivative_at_dropped_activation(place: LayerContext) -> Iterator[Replacement]:
    form = FORMS_AT_OUTPUT.get(place.row.activation.name)
    if place.mask is not None and form is not None:
        dropped = place.row.activation.forward(place.a) * place.mask
        yield Replacement(apply_mask(place, upstream_of(place)) * form(dropped))


def derivative_broadcast(place: LayerContext) -> Iterator[Replacement]:
    """Yield δ with g′ transposed, if the shapes allow it, or with g′ of one unit or example for all."""
    slope_of = place.row.activation.derivative
    if slope_of is None or place.row.activation.name == "identity":
        return
    upstream, slope = apply_mask(place, upstream_of(place)), slope_of(place.a)
    examples, units = slope.shape
    if examples == units > 1:
        yield Replacement(upstream * slope.T, {"used": "its transpose"})
    if units > 1:
        yield Replacement(upstream * slope[:, :1], {"used": "that of the first unit for all units"})
    if examples > 1:
        yield Replacement(upstream * slope[:1], {"used": "that of the first example for all examples"})
