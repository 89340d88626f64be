"""The table of activations: one row each, holding everything the project knows of it.

To add one, write a function that gives its row and name it in ACTIVATIONS. The function's arguments are the
activation's options; without any it is one row, made once. Derivatives are written so that they keep their
digits where the unit saturates.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from reference_impl.activation import Activation
from reference_impl.rectifiers import elu, identity, leaky_relu, relu
from reference_impl.smooth_rectifiers import gelu, silu, softplus
from reference_impl.softmax_activation import softmax_activation
from reference_impl.squashing import sigmoid, tanh


def _one_row(make: Callable[[], Activation]) -> Callable[[], Activation]:
    row = make()
    return lambda: row


ACTIVATIONS: Mapping[str, Callable[..., Activation]] = MappingProxyType(
    {
        "identity": _one_row(identity),
        "sigmoid": _one_row(sigmoid),
        "tanh": _one_row(tanh),
        "relu": _one_row(relu),
        "leaky_relu": leaky_relu,
        "elu": elu,
        "softplus": _one_row(softplus),
        "gelu": _one_row(gelu),
        "silu": _one_row(silu),
        "softmax": _one_row(softmax_activation),
    }
)


def activation(name: str, **options: Any) -> Activation:
    """Give the row of an activation, its options filled in (`leaky_relu` has `slope`, `elu` has `alpha`).

    Raises: ValueError naming the known activations when `name` is none of them.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; known are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name](**options)
