"""Keras 3's activations, as words and as layers, as the document writes them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from verifier.documents.mistakes import shown
from verifier.importers.refusal import Unsupported

Config = Mapping[str, Any]
Written = str | dict[str, Any]


# the words' own options are Keras's defaults (keras/src/activations/activations.py, Keras 3.15)
_WORDS: Mapping[str, Written] = MappingProxyType(
    {
        "linear": "identity",
        "relu": "relu",
        "leaky_relu": {"name": "leaky_relu", "slope": 0.2},
        "elu": {"name": "elu", "alpha": 1.0},
        "softplus": "softplus",
        "gelu": "gelu",
        "silu": "silu",
        "swish": "silu",
        "sigmoid": "sigmoid",
        "tanh": "tanh",
        "softmax": "softmax",
    }
)


def _relu(config: Config) -> Written:
    slope = config.get("negative_slope") or 0.0
    if config.get("max_value") is not None or (config.get("threshold") or 0.0) != 0.0:
        raise Unsupported("a ReLU with max_value or threshold")
    return {"name": "leaky_relu", "slope": float(slope)} if slope else "relu"


def _softmax(config: Config) -> Written:
    if config.get("axis", -1) not in (-1, 1, [-1], [1]):
        raise Unsupported(f"a softmax over axis {config['axis']}")
    return "softmax"


_LAYERS: Mapping[str, Callable[[Config], Written]] = MappingProxyType(
    {
        "Activation": lambda config: activation_of(config.get("activation")),
        "ReLU": _relu,
        "Softmax": _softmax,
        "LeakyReLU": lambda config: {
            "name": "leaky_relu",
            "slope": float(config.get("negative_slope", config.get("alpha", 0.3))),
        },
        "ELU": lambda config: {"name": "elu", "alpha": float(config.get("alpha", 1.0))},
    }
)


def activation_of_layer(name: str, config: Config) -> Written | None:
    """Write a layer by its class's name; None where it is no activation. Raises: Unsupported."""
    return _LAYERS[name](config) if name in _LAYERS else None


def activation_of(value: Any) -> Written:
    """Write what a layer's `activation` says: a word, a layer, or nothing. Raises: Unsupported."""
    if value is None:
        return "identity"
    if isinstance(value, Mapping):
        name = str(value.get("class_name"))[:60]
        config = value.get("config")
        written = activation_of_layer(name, config) if isinstance(config, Mapping) else None
        if written is None or not known(value):
            raise Unsupported(f"the activation {name} of somebody's own")
        return written
    if not isinstance(value, str) or value not in _WORDS:
        raise Unsupported(f"the activation {shown(value)}")
    return _WORDS[value]


def known(document: Mapping[str, Any]) -> bool:
    """Whether a class is Keras's own, not registered by somebody: nothing else is looked up or run."""
    module = document.get("module", "keras")  # older files have no such key
    registered = document.get("registered_name")
    return isinstance(module, str) and module.split(".")[0] == "keras" and ">" not in str(registered)
