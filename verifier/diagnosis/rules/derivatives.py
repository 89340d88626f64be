"""Derivatives that programs take for the right one."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.activations import ACTIVATIONS
from reference_impl.array import Array
from verifier.diagnosis.bug import Place

# g′ written with what g puts out: right at z, wrong at a
FORMS_AT_OUTPUT: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {"sigmoid": lambda v: v * (1.0 - v), "tanh": lambda v: 1.0 - np.square(v)}
)

# slips of the pen, as functions of z
FORMULAS: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "1 + z²": lambda z: 1.0 + np.square(z),
        "z²": np.square,
        "-z²": lambda z: -np.square(z),
        "1 - z": lambda z: 1.0 - z,
        "z": lambda z: z,
        "z(1 + z)": lambda z: z * (1.0 + z),
        "z - 1": lambda z: z - 1.0,
        "z² - 1": lambda z: np.square(z) - 1.0,
    }
)

# activations whose g′ is taken for another's, with options that people write
TAKEN_FOR_ANOTHER: tuple[tuple[str, Mapping[str, Any]], ...] = (
    *((name, {}) for name in ACTIVATIONS if name not in ("identity", "softmax")),
    ("leaky_relu", {"slope": 0.1}),
    ("leaky_relu", {"slope": 0.2}),
    ("leaky_relu", {"slope": 0.001}),
)


def taken_for_derivative(place: Place) -> Iterator[tuple[Array, str]]:
    """Give every derivative that a program may take for the layer's own, with its name."""
    own = place.row.activation
    z = own.forward(place.a)
    for name, form in FORMS_AT_OUTPUT.items():
        if name != own.name:
            yield form(z), f"the derivative of {name}, written in z"
    for formula, value in FORMULAS.items():
        yield value(z), formula
    for name, options in TAKEN_FOR_ANOTHER:
        other = ACTIVATIONS[name](**options)
        if other.derivative is not None and (name, dict(other.options)) != (own.name, dict(own.options)):
            shown = name + "".join(f" with {key} {value:g}" for key, value in options.items())
            yield other.derivative(place.a), f"the derivative of {shown}"
