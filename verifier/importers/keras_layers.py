"""The layers of Keras 3's JSON in order, nested models opened; nothing of the JSON is ever run."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verifier.documents.mistakes import shown
from verifier.importers.chain import Chain

_MODELS = ("Sequential", "Functional", "Model")
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class KerasLayer:
    """name: with those of the models around it. place: its group in a .weights.h5."""

    name: str
    class_name: str
    config: Mapping[str, Any]
    place: str
    document: Mapping[str, Any]


def layers_of(
    model: Any, chain: Chain, name: str = "", place: str = "", depth: int = 0
) -> Iterator[KerasLayer]:
    """Give every layer of a model, depth first; what cannot be one is refused on the chain."""
    config = model.get("config") if isinstance(model, Mapping) else None
    layers = config.get("layers") if isinstance(config, Mapping) else None
    if depth > _DEEPEST or not isinstance(layers, list):
        found = (
            shown(model) if not isinstance(model, Mapping) else f"class {str(model.get('class_name'))[:60]}"
        )
        chain.refuse(name, found, "save it with model.to_json()", expected="a Sequential or Functional model")
        return
    counts: Counter[str] = Counter()
    for index, layer in enumerate(layers):
        if not isinstance(layer, Mapping) or not isinstance(layer.get("config"), Mapping):
            chain.refuse(
                f"{name or 'model'}.layers.{index}", shown(layer), expected="a layer with its config"
            )
            continue
        class_name = str(layer.get("class_name"))
        own = str(layer["config"].get("name", class_name))
        full = f"{name}/{own}" if name else own
        snake = _snake(class_name)
        place_of_layer = f"{place}layers/{snake}" + (f"_{counts[snake]}" if counts[snake] else "")
        counts[snake] += 1
        if index and not _follows(layer, layers[index - 1]):
            chain.refuse(full, "inputs from elsewhere", expected="the layer before it as its one input")
        if class_name in _MODELS:
            yield from layers_of(layer, chain, full, f"{place_of_layer}/", depth + 1)
        else:
            yield KerasLayer(full, class_name, layer["config"], place_of_layer, layer)


def _follows(layer: Mapping[str, Any], before: Any) -> bool:
    """Whether a layer of a Functional model is called once, on the layer before; Sequential says nothing."""
    nodes = layer.get("inbound_nodes")
    if nodes is None:
        return True
    sources = list(_histories(nodes))
    name = before.get("name") if isinstance(before, Mapping) else None
    return len(nodes) == 1 and sources == [name]


def _histories(value: Any, depth: int = 0) -> Iterator[Any]:
    """Give the names of the layers that a call's arguments come from."""
    if isinstance(value, Mapping):
        history = value.get("keras_history")
        if isinstance(history, list) and history:
            yield history[0]
        for inner in value.values():
            yield from _histories(inner, depth + 1) if depth < _DEEPEST else ()
    elif isinstance(value, list):
        for inner in value:
            yield from _histories(inner, depth + 1) if depth < _DEEPEST else ()


def _snake(class_name: str) -> str:
    """Name a class as Keras does in files: LeakyReLU -> leaky_re_lu (keras/src/utils/naming.py)."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
