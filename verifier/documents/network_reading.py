"""Read the layers and the conventions in the document's `network`."""

import inspect
from functools import cache
from typing import Any

import numpy as np

from reference_impl.activations import ACTIVATIONS, Activation, activation
from reference_impl.network import Layer, Network
from verifier.convention import EXAMPLE_AXES, WEIGHT_LAYOUTS
from verifier.documents.mistakes import Mistakes, at, check_fields, read_choice, read_number, shown

_FIELDS = ("layers", "weights", "examples")
_MOST_UNITS = 2**31
_LAYER_FIELDS = ("in", "out", "activation", "bias")


def read_network(document: Any, pointer: str, mistakes: Mistakes) -> tuple[Network | None, str, str]:
    """Return the network (None if a layer is malformed), the weight layout and the example axis."""
    if not isinstance(document, dict):
        mistakes.add(pointer, "a network, an object with a list of layers", shown(document))
        return None, "in_out", "rows"
    check_fields(document, _FIELDS, pointer, mistakes)
    weights = read_choice(document.get("weights", "in_out"), WEIGHT_LAYOUTS, at(pointer, "weights"), mistakes)
    examples = read_choice(document.get("examples", "rows"), EXAMPLE_AXES, at(pointer, "examples"), mistakes)
    layers = document.get("layers")
    network = None
    if not isinstance(layers, list) or not layers:
        actual = shown(layers) if "layers" in document else "nothing"
        mistakes.add(at(pointer, "layers"), "a list of at least one layer", actual)
    else:
        network = _read_layers(layers, at(pointer, "layers"), mistakes)
    return network, weights or "in_out", examples or "rows"


def _read_layers(documents: list[Any], pointer: str, mistakes: Mistakes) -> Network | None:
    layers = [_read_layer(item, at(pointer, index), mistakes) for index, item in enumerate(documents)]
    all_fit = True
    for index in range(1, len(layers)):
        previous, current = layers[index - 1], layers[index]
        if previous is not None and current is not None and previous.outputs != current.inputs:
            all_fit = False
            mistakes.add(
                at(pointer, index, "in"),
                f"{previous.outputs}, what layer {index - 1} puts out",
                str(current.inputs),
                "make neighbouring layers fit",
            )
    valid = tuple(layer for layer in layers if layer is not None)
    return Network(valid) if all_fit and len(valid) == len(layers) else None


def _read_layer(document: Any, pointer: str, mistakes: Mistakes) -> Layer | None:
    if not isinstance(document, dict):
        mistakes.add(pointer, 'a layer, such as {"in": 3, "out": 4}', shown(document))
        return None
    check_fields(document, _LAYER_FIELDS, pointer, mistakes)
    sizes = [_read_size(document, end, pointer, mistakes) for end in ("in", "out")]
    bias = document.get("bias", True)
    if not isinstance(bias, bool):
        mistakes.add(at(pointer, "bias"), "true or false", shown(bias))
    row = read_activation(document.get("activation", "identity"), at(pointer, "activation"), mistakes)
    if sizes[0] is None or sizes[1] is None or row is None or not isinstance(bias, bool):
        return None
    return Layer(sizes[0], sizes[1], row, bias)


def _read_size(document: dict[str, Any], end: str, pointer: str, mistakes: Mistakes) -> int | None:
    size = document.get(end)
    if isinstance(size, int | np.integer) and not isinstance(size, bool) and 1 <= size < _MOST_UNITS:
        return int(size)
    mistakes.add(
        at(pointer, end),
        "a whole number of at least 1, below 2**31",
        shown(size) if end in document else "nothing",
    )
    return None


def read_activation(document: Any, pointer: str, mistakes: Mistakes) -> Activation | None:
    """Return the activation of `"relu"` or `{"name": "leaky_relu", "slope": 0.01}`."""
    if isinstance(document, dict) and "name" in document:
        name_pointer, options = at(pointer, "name"), {k: v for k, v in document.items() if k != "name"}
        document = document["name"]
    else:
        name_pointer, options = pointer, {}
    name = read_choice(document, ACTIVATIONS, name_pointer, mistakes)
    if name is None:
        return None
    errors_before = len(mistakes.found)
    check_fields(options, _options_of(name), pointer, mistakes)
    numbers = {key: read_number(value, at(pointer, key), mistakes) for key, value in options.items()}
    return None if len(mistakes.found) > errors_before else activation(name, **numbers)


@cache
def _options_of(name: str) -> tuple[str, ...]:
    return tuple(inspect.signature(ACTIVATIONS[name]).parameters)


def activation_document(row: Activation) -> str | dict[str, Any]:
    """Return the document of an activation with all its options, the inverse of `read_activation`."""
    return {"name": row.name, **row.options} if row.options else row.name
