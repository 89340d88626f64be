"""A PyTorch `state_dict`, live or as a safetensors file; what is no parameter in it, the caller says."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from verifier.documents.mistakes import Mistakes, nearest, shown
from verifier.importers.array_files import arrays_in, content_of
from verifier.importers.chain import Chain
from verifier.importers.document import Gradients, document_of_import
from verifier.importers.imported import SourceArray, SourceNetwork
from verifier.importers.numbers import array_of
from verifier.importers.refusal import refused

_WEIGHT, _BIAS = "weight", "bias"


def from_state_dict(
    tensors: Mapping[str, Any] | str | Path | bytes,
    activations: Sequence[str | dict[str, Any]] | str,
    loss: Any,
    inputs: Any,
    targets: Any,
    *,
    order: Sequence[str] | None = None,
    gradients: Gradients = None,
    **fields: Any,
) -> dict[str, Any]:
    """Give the document of fully connected layers named `0.weight`, `fc1.weight`, `layers.0.weight`, ….

    activations: one a layer, or one for all layers but the last, which then has none. order: the layers'
    names; by default that of their numbers, or of a live dict. loss: the document's.
    Raises: ImportRefused; MalformedSubmission.
    """
    live = isinstance(tensors, Mapping)
    arrays = tensors if isinstance(tensors, Mapping) else arrays_in(content_of(tensors))
    if not isinstance(arrays, Mapping):
        raise refused("", "tensors by name", shown(arrays), "save the whole state_dict")
    layers = _ordered(arrays, order, live)
    return document_of_import(
        _network(arrays, layers, activations),
        inputs=inputs,
        targets=targets,
        loss=loss,
        gradients=gradients,
        fields=fields,
    )


def _network(
    arrays: Mapping[str, Any], layers: Sequence[str], activations: Sequence[Any] | str
) -> SourceNetwork:
    if isinstance(activations, str):
        activations = [activations] * (len(layers) - 1) + ["identity"]
    if layers and len(activations) != len(layers):
        rule = f"{len(layers)} activations, one a layer ({', '.join(layers[:10])})"
        raise refused("activations", rule, f"{len(activations)}", "name identity where there is none")
    chain = Chain()
    for layer, activation in zip(layers, activations, strict=False):
        weight, bias = _joined(layer, _WEIGHT), _joined(layer, _BIAS)
        own_bias = SourceArray(bias, array_of(arrays[bias])) if bias in arrays else None
        chain.linear(layer, SourceArray(weight, array_of(arrays[weight]), "out_in"), own_bias)
        chain.activation(layer, activation)
    return chain.finished()


def _ordered(arrays: Mapping[str, Any], order: Sequence[str] | None, live: bool) -> list[str]:
    """Give the layers' names in order. Raises: ImportRefused for other tensors, and names that tell none."""
    mistakes = Mistakes()
    layers = [name.removesuffix(_WEIGHT).removesuffix(".") for name in arrays if _ends(name, _WEIGHT)]
    for name in arrays:
        owner = name.removesuffix(_BIAS).removesuffix(".")
        if not _ends(name, _WEIGHT) and not (_ends(name, _BIAS) and owner in layers):
            found = f"the tensor {name[:60]!r}"
            mistakes.add(name, "the weights and biases of fully connected layers alone", found)
    for name in layers:
        shape = tuple(array_of(arrays[_joined(name, _WEIGHT)]).shape)
        if len(shape) != 2:
            found = f"a weight of shape {shape}"
            mistakes.add(name, "a fully connected layer, whose weight is a matrix", found)
    for name in order or ():
        if name not in layers:
            mistakes.add("order", "names of layers", f"{str(name)[:60]!r}", nearest(name, layers))
    mistakes.raise_if_any()
    if order is not None:
        if sorted(order) != sorted(layers):
            raise refused("order", f"each of {', '.join(sorted(layers))} once", ", ".join(order))
        return list(order)
    numbered = len({re.sub(r"\d+", "0", name) for name in layers}) == 1
    numbers = [[int(number) for number in re.findall(r"\d+", name)] for name in layers]
    if numbered and len({tuple(one) for one in numbers}) == len(layers):
        return [name for _, name in sorted(zip(numbers, layers, strict=True))]
    if live or len(layers) < 2:
        return layers
    found = ", ".join(layers[:10])
    raise refused("order", "layers whose names are numbered alike", found, "give their order")


def _ends(name: str, kind: str) -> bool:
    return name == kind or name.endswith("." + kind)


def _joined(layer: str, kind: str) -> str:
    return f"{layer}.{kind}" if layer else kind
