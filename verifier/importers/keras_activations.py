"""Convert activations of Keras 3, given by name or as layers, to those of the document."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from verifier.documents.mistakes import shown
from verifier.importers.refusal import Unsupported

Config = Mapping[str, Any]
Written = str | dict[str, Any]


# options are the defaults of Keras (keras/src/activations/activations.py, Keras 3.15)
_BY_NAME: Mapping[str, Written] = MappingProxyType(
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
    """Return the activation of a layer class; None if it is not an activation. Raises: Unsupported."""
    return _LAYERS[name](config) if name in _LAYERS else None


def activation_of(value: Any) -> Written:
    """Return the activation of a config field: a name, a layer, or None. Raises: Unsupported."""
    if value is None:
        return "identity"
    if isinstance(value, Mapping):
        name = str(value.get("class_name"))[:60]
        config = value.get("config")
        activation = activation_of_layer(name, config) if isinstance(config, Mapping) else None
        if activation is None or not known(value):
            raise Unsupported(f"the activation {name} of somebody's own")
        return activation
    if not isinstance(value, str) or value not in _BY_NAME:
        raise Unsupported(f"the activation {shown(value)}")
    return _BY_NAME[value]


def known(document: Mapping[str, Any]) -> bool:
    """True if a class belongs to Keras. Custom classes are never imported or run."""
    module = document.get("module", "keras")  # older files have no `module`
    registered = document.get("registered_name")
    return isinstance(module, str) and module.split(".")[0] == "keras" and ">" not in str(registered)
