"""Rounding errors, propagation of variances, and error bounds of activations and elementary functions.

Amounts of rounding are absolute, in units of the unit roundoff. To add an activation, write the function
that returns its properties in `activation_properties.py` and add it to `NUMERICAL_PROPERTIES`.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from reference_impl.activations import ACTIVATIONS, Activation
from reference_impl.array import Array
from reference_impl.elementary_functions import ELEMENTARY_FUNCTIONS
from verifier.engine.functions.activation_properties import (
    elu_properties,
    gelu_properties,
    gelu_tanh_properties,
    hardswish_properties,
    leaky_relu_properties,
    log_sigmoid_properties,
    mish_properties,
    selu_properties,
    sigmoid_properties,
    silu_properties,
    softplus_properties,
    softsign_properties,
    tanh_properties,
)
from verifier.engine.functions.elementary_properties import (
    absolute_properties,
    arctan_properties,
    erf_properties,
    exp_properties,
    expm1_properties,
    log1p_properties,
    log_properties,
    power_properties,
    sign_properties,
    sqrt_properties,
    wave_properties,
)
from verifier.engine.functions.properties import NumericalProperties, identity_properties
from verifier.engine.functions.softmax_properties import log_softmax_properties, softmax_properties


def slopes_of_nearest_kink(function: Activation, a: Array) -> tuple[Array, Array]:
    """Return the slopes on the left and on the right of the kink nearest to each entry."""
    distances = np.stack([np.abs(a - kink.at) for kink in function.kinks])
    nearest = distances.argmin(axis=0)
    left = np.array([kink.left for kink in function.kinks])
    right = np.array([kink.right for kink in function.kinks])
    return left[nearest], right[nearest]


NUMERICAL_PROPERTIES: Mapping[str, Callable[[Activation], NumericalProperties]] = MappingProxyType(
    {
        "identity": identity_properties,
        "sigmoid": sigmoid_properties,
        "tanh": tanh_properties,
        "relu": identity_properties,  # exact as well
        "leaky_relu": leaky_relu_properties,
        "elu": elu_properties,
        "softplus": softplus_properties,
        "gelu": gelu_properties,
        "silu": silu_properties,
        "selu": selu_properties,
        "gelu_tanh": gelu_tanh_properties,
        "mish": mish_properties,
        "hardtanh": identity_properties,  # exact as well
        "hardswish": hardswish_properties,
        "softsign": softsign_properties,
        "log_sigmoid": log_sigmoid_properties,
        "log_softmax": log_softmax_properties,
        "softmax": softmax_properties,
        "exp": exp_properties,
        "log": log_properties,
        "sqrt": sqrt_properties,
        "absolute": absolute_properties,
        "power": power_properties,
        "expm1": expm1_properties,
        "log1p": log1p_properties,
        "sin": wave_properties,
        "cos": wave_properties,
        "arctan": arctan_properties,
        "erf": erf_properties,
        "sign": sign_properties,
        "clip": identity_properties,  # exact as well
    }
)
"""For each name the function that returns the properties of an activation with its options."""


def numerical_properties(function: Activation) -> NumericalProperties:
    """Return the numerical properties of an activation or elementary function."""
    return _cached_properties(function.name, tuple(function.options.items()))


@lru_cache(maxsize=256)  # a dozen look-ups a submission, each cheaper than building the row
def _cached_properties(name: str, options: tuple[tuple[str, float], ...]) -> NumericalProperties:
    make = (ACTIVATIONS if name in ACTIVATIONS else ELEMENTARY_FUNCTIONS)[name]
    return NUMERICAL_PROPERTIES[name](make(**dict(options)))
