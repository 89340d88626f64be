"""Iterate over the layers in the JSON of Keras 3, nested models included. No code in the JSON is run."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verifier.documents.mistakes import shown
from verifier.importers.chain import Chain

_MODELS = ("Sequential", "Functional", "Model")
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class KerasLayer:
    """One layer.

    name: its path, with the names of the enclosing models. place: its group in a .weights.h5 file.
    """

    name: str
    class_name: str
    config: Mapping[str, Any]
    place: str
    document: Mapping[str, Any]


def layers_of(
    model: Any, chain: Chain, name: str = "", place: str = "", depth: int = 0
) -> Iterator[KerasLayer]:
    """Yield all layers of a model, depth first; anything else is refused on the chain."""
    config = model.get("config") if isinstance(model, Mapping) else None
    layers = config.get("layers") if isinstance(config, Mapping) else None
    if depth > _MAX_DEPTH or not isinstance(layers, list):
        actual = (
            shown(model) if not isinstance(model, Mapping) else f"class {str(model.get('class_name'))[:60]}"
        )
        chain.refuse(
            name, actual, "save it with model.to_json()", expected="a Sequential or Functional model"
        )
        return
    counts: Counter[str] = Counter()
    for index, layer in enumerate(layers):
        if not isinstance(layer, Mapping) or not isinstance(layer.get("config"), Mapping):
            chain.refuse(
                f"{name or 'model'}.layers.{index}", shown(layer), expected="a layer with its config"
            )
            continue
        class_name = str(layer.get("class_name"))
        layer_name = str(layer["config"].get("name", class_name))
        full_name = f"{name}/{layer_name}" if name else layer_name
        snake_name = _snake_case(class_name)
        place_of_layer = f"{place}layers/{snake_name}" + (
            f"_{counts[snake_name]}" if counts[snake_name] else ""
        )
        counts[snake_name] += 1
        if index and not _follows_previous(layer, layers[index - 1]):
            chain.refuse(full_name, "inputs from elsewhere", expected="the layer before it as its one input")
        if class_name in _MODELS:
            yield from layers_of(layer, chain, full_name, f"{place_of_layer}/", depth + 1)
        else:
            yield KerasLayer(full_name, class_name, layer["config"], place_of_layer, layer)


def _follows_previous(layer: Mapping[str, Any], previous: Any) -> bool:
    """True if a layer is called once, on the layer before; layers of a Sequential model have no calls."""
    nodes = layer.get("inbound_nodes")
    if nodes is None:
        return True
    sources = list(_source_layers(nodes))
    name = previous.get("name") if isinstance(previous, Mapping) else None
    return len(nodes) == 1 and sources == [name]


def _source_layers(value: Any, depth: int = 0) -> Iterator[Any]:
    """Yield the names of the layers that the arguments of a call come from."""
    if isinstance(value, Mapping):
        history = value.get("keras_history")
        if isinstance(history, list) and history:
            yield history[0]
        for inner in value.values():
            yield from _source_layers(inner, depth + 1) if depth < _MAX_DEPTH else ()
    elif isinstance(value, list):
        for inner in value:
            yield from _source_layers(inner, depth + 1) if depth < _MAX_DEPTH else ()


def _snake_case(class_name: str) -> str:
    """Return a class name as in Keras files: LeakyReLU -> leaky_re_lu (keras/src/utils/naming.py)."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
