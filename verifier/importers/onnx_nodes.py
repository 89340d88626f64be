"""The table of ONNX activations, by the name of the operator in the standard domain."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from verifier.importers.refusal import Unsupported

Attributes = Mapping[str, Any]
Written = str | dict[str, Any]


def _softmax(attributes: Attributes) -> Written:
    if attributes.get("axis", -1) not in (-1, 1):
        raise Unsupported(f"a softmax over axis {attributes['axis']}", "take it over a row's units, axis -1")
    return "softmax"


def _gelu(attributes: Attributes) -> Written:
    if attributes.get("approximate", b"none") != b"none":
        raise Unsupported("Gelu's approximation by tanh", "use approximate='none'")
    return "gelu"


def _swish(attributes: Attributes) -> Written:
    if attributes.get("alpha", 1.0) != 1.0:
        raise Unsupported("a Swish with another alpha than 1")
    return "silu"


def _log_softmax(attributes: Attributes) -> Written:
    raise Unsupported("LogSoftmax", "leave it out and take cross_entropy on logits")


ACTIVATIONS: Mapping[str, Callable[[Attributes], Written]] = MappingProxyType(
    {
        "Relu": lambda attributes: "relu",
        "Tanh": lambda attributes: "tanh",
        "Sigmoid": lambda attributes: "sigmoid",
        "Softplus": lambda attributes: "softplus",
        "Softmax": _softmax,
        "LogSoftmax": _log_softmax,
        "Gelu": _gelu,
        "Swish": _swish,
        "LeakyRelu": lambda attributes: {"name": "leaky_relu", "slope": attributes.get("alpha", 0.01)},
        "Elu": lambda attributes: {"name": "elu", "alpha": attributes.get("alpha", 1.0)},
    }
)
