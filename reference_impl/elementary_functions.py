"""Functions of one number that graphs apply beside the activations; their rows are of the same type."""

from collections.abc import Callable, Mapping
from math import inf, isfinite, pi, sqrt
from types import MappingProxyType

import numpy as np

from reference_impl.activations import Activation, Kink, elementwise
from reference_impl.array import Array
from reference_impl.error_function import erf


def _log_derivative(a: Array) -> Array:
    return np.asarray(1.0 / np.where(a >= 0, a, np.nan))


def _absolute_derivative(a: Array) -> Array:
    return np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, -1.0))


def erf_derivative(a: Array) -> Array:
    """Return 2/√π e^(−a²); beyond |a| = 28 it is below any float64."""
    return np.asarray(2.0 / sqrt(pi) * np.exp(-np.square(np.minimum(np.maximum(a, -28.0), 28.0))))


def arctan_derivative(a: Array) -> Array:
    """Return 1 / (1 + a²), which is 0 where the square overflows."""
    return np.asarray(1.0 / (1.0 + np.square(a)))


EXP = elementwise("exp", np.exp, np.exp)
EXPM1 = elementwise("expm1", np.expm1, np.exp)
LOG1P = elementwise("log1p", np.log1p, lambda a: 1.0 / np.where(a >= -1, 1.0 + a, np.nan))
SIN = elementwise("sin", np.sin, np.cos)
COS = elementwise("cos", np.cos, lambda a: -np.sin(a))
ARCTAN = elementwise("arctan", np.arctan, arctan_derivative)
ERF = elementwise("erf", erf, erf_derivative)
SIGN = elementwise("sign", np.sign, lambda a: a * 0.0, kinks=(Kink(0.0, 0.0, 0.0),))
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


def clip(min: float = -inf, max: float = inf) -> Activation:
    """Return the row of a between two bounds, and of the nearer bound outside of them.

    Raises: ValueError unless min < max.
    """
    if not min < max:
        raise ValueError("the lower bound of clip must be less than the upper one")
    kinks = (Kink(min, 0.0, 1.0), Kink(max, 1.0, 0.0))
    return elementwise(
        "clip",
        forward=lambda a: np.asarray(np.clip(a, min, max)),
        derivative=lambda a: np.where(np.isnan(a), np.nan, np.where((a > min) & (a <= max), 1.0, 0.0)),
        kinks=tuple(kink for kink in kinks if isfinite(kink.at)),
        options={"min": min, "max": max},
    )


ELEMENTARY_FUNCTIONS: Mapping[str, Callable[..., Activation]] = MappingProxyType(
    {
        "exp": lambda: EXP,
        "log": lambda: LOG,
        "sqrt": lambda: SQRT,
        "absolute": lambda: ABSOLUTE,
        "power": power,
        "expm1": lambda: EXPM1,
        "log1p": lambda: LOG1P,
        "sin": lambda: SIN,
        "cos": lambda: COS,
        "arctan": lambda: ARCTAN,
        "erf": lambda: ERF,
        "sign": lambda: SIGN,
        "clip": clip,
    }
)
"""For each name the function of the options that returns the row."""
