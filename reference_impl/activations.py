"""The table of activations: one row each, holding everything the project knows of it.

To add one, write a function that gives its row and name it in ACTIVATIONS. The function's arguments are the
activation's options. Derivatives are written so that they keep their digits where the unit saturates.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from reference_impl.activation import Activation
from reference_impl.rectifiers import elu, identity, leaky_relu, relu
from reference_impl.smooth_rectifiers import gelu, silu, softplus
from reference_impl.softmax_activation import softmax_activation
from reference_impl.squashing import sigmoid, tanh

ACTIVATIONS: Mapping[str, Callable[..., Activation]] = MappingProxyType(
    {
        "identity": identity,
        "sigmoid": sigmoid,
        "tanh": tanh,
        "relu": relu,
        "leaky_relu": leaky_relu,
        "elu": elu,
        "softplus": softplus,
        "gelu": gelu,
        "silu": silu,
        "softmax": softmax_activation,
    }
)


def activation(name: str, **options: Any) -> Activation:
    """Give the row of an activation, its options filled in (`leaky_relu` has `slope`, `elu` has `alpha`).

    Raises: ValueError naming the known activations when `name` is none of them.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; known are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name](**options)
