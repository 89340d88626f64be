"""Functions of one number that graphs apply beside the activations; their rows are of the same type."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from reference_impl.activations import Activation, Kink, elementwise
from reference_impl.array import Array


def _log_derivative(a: Array) -> Array:
    return np.asarray(1.0 / np.where(a >= 0, a, np.nan))


def _absolute_derivative(a: Array) -> Array:
    return np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, -1.0))


EXP = elementwise("exp", np.exp, np.exp)
LOG = elementwise("log", np.log, _log_derivative)
SQRT = elementwise("sqrt", np.sqrt, lambda a: 0.5 / np.sqrt(a))
ABSOLUTE = elementwise("absolute", np.abs, _absolute_derivative, kinks=(Kink(0.0, -1.0, 1.0),))


def power(exponent: float) -> Activation:
    """Return the row of a^exponent; if the exponent is not whole, for a > 0 alone. 0⁰ is 1."""

    def derivative(a: Array) -> Array:
        return exponent * np.asarray(np.power(a, exponent - 1.0)) if exponent else np.zeros_like(a)

    return elementwise(
        "power",
        forward=lambda a: np.asarray(np.power(a, exponent)),
        derivative=derivative,
        options={"exponent": exponent},
    )


ELEMENTARY_FUNCTIONS: Mapping[str, Callable[..., Activation]] = MappingProxyType(
    {
        "exp": lambda: EXP,
        "log": lambda: LOG,
        "sqrt": lambda: SQRT,
        "absolute": lambda: ABSOLUTE,
        "power": power,
    }
)
"""For each name the function of the options that returns the row."""
