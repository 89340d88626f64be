"""Wrong activation derivatives that occur in programs."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.activations import ACTIVATIONS
from reference_impl.array import Array
from verifier.diagnosis.catalogue.bug import LayerContext

# g′ as a function of the output z = g(a): right at z, wrong at a
FORMS_AT_OUTPUT: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {"sigmoid": lambda v: v * (1.0 - v), "tanh": lambda v: 1.0 - np.square(v)}
)

# miswritten formulas, as functions of z
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

# activations whose g′ is used for another one's, with common options
CONFUSED_ACTIVATIONS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    *((name, {}) for name in ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "gelu", "silu")),
    ("gelu_tanh", {}),
    ("selu", {}),
    ("leaky_relu", {"slope": 0.1}),
    ("leaky_relu", {"slope": 0.2}),
    ("leaky_relu", {"slope": 0.001}),
)


def wrong_derivatives(place: LayerContext) -> Iterator[tuple[Array, str]]:
    """Yield wrong derivatives of the layer's activation, each with its name in reports."""
    right = place.row.activation
    z = right.forward(place.a)
    for name, form in FORMS_AT_OUTPUT.items():
        if name != right.name:
            yield form(z), f"the derivative of {name}, written in z"
    for formula, value in FORMULAS.items():
        yield value(z), formula
    for name, options in CONFUSED_ACTIVATIONS:
        other = ACTIVATIONS[name](**options)
        if other.derivative is not None and (name, dict(other.options)) != (right.name, dict(right.options)):
            named = other.options if name == right.name else options
            shown = name + "".join(f" with {key} {value:g}" for key, value in named.items())
            yield other.derivative(place.a), f"the derivative of {shown}"
