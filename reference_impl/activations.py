"""Activations z = g(a): their values, their derivatives, their kinks, and the table of all of them.

Derivatives are written so that they keep their digits where a unit saturates. To add an activation,
write its row, or a function of its options that returns one, and add it to `ACTIVATIONS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import pi, sqrt
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.error_function import erfc
from reference_impl.softmax import log_softmax, log_softmax_vjp, softmax, softmax_vjp

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al., arXiv:1706.02515
_GELU_CUBIC = 0.044715  # Hendrycks & Gimpel, arXiv:1606.08415


@dataclass(frozen=True, slots=True)
class Kink:
    """A point where g has no derivative.

    Parameters
    ----------
    at : float
        The point.
    left, right : float
        The slopes on either side. Every number between them is a subgradient at the point.

    Examples
    --------
    >>> activation("relu").kinks
    (Kink(at=0.0, left=0.0, right=1.0),)
    """

    at: float
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation function z = g(a).

    All functions take whole arrays of pre-activations a, of shape (…, units).

    Parameters
    ----------
    name : str
        The name in `ACTIVATIONS`.
    forward : callable
        a -> z = g(a).
    vjp : callable
        (a, ∂R/∂z) -> ∂R/∂a, the vector-Jacobian product.
    derivative : callable or None
        a -> g′(a) if g acts on each unit alone; None for softmax, which acts on whole rows.
    kinks : tuple of Kink
        The points where g′ jumps.
    options : mapping
        The options and their values, such as ``{"slope": 0.01}`` of leaky_relu.

    Examples
    --------
    >>> import numpy as np
    >>> tanh = activation("tanh")
    >>> tanh.forward(np.array([0.0, 1.0]))
    array([0.        , 0.76159416])
    >>> tanh.derivative(np.array([0.0, 1.0]))
    array([1.        , 0.41997434])
    """

    name: str
    forward: Callable[[Array], Array]
    vjp: Callable[[Array, Array], Array]
    derivative: Callable[[Array], Array] | None
    kinks: tuple[Kink, ...] = ()
    options: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def elementwise(
    name: str,
    forward: Callable[[Array], Array],
    derivative: Callable[[Array], Array],
    kinks: tuple[Kink, ...] = (),
    options: Mapping[str, float] | None = None,
) -> Activation:
    """Return the row of an activation that acts on each unit alone: ∂R/∂a = ∂R/∂z · g′(a)."""
    return Activation(
        name=name,
        forward=forward,
        vjp=lambda a, upstream: np.asarray(upstream * derivative(a)),
        derivative=derivative,
        kinks=kinks,
        options=MappingProxyType(dict(options or {})),
    )


def exp_of_minus_abs(a: Array) -> Array:
    """Return e^(−|a|), which never overflows."""
    return np.asarray(np.exp(-np.abs(a)))


def sigmoid(a: Array) -> Array:
    """Return σ(a) = 1 / (1 + e^(−a)), with full relative accuracy also for very negative a."""
    decay = exp_of_minus_abs(a)
    return np.asarray(np.where(a >= 0, 1.0, decay) / (1.0 + decay))


def sigmoid_derivative(a: Array) -> Array:
    """Return σ′(a) = σ(a) σ(−a), without the cancellation of z (1 − z) where z is nearly 1."""
    decay = exp_of_minus_abs(a)
    return np.asarray(decay / (1.0 + decay) ** 2)


def tanh_derivative(a: Array) -> Array:
    """Return 1 − tanh²(a) as 4 σ′(2a); the textbook form loses all its digits for |a| > 19."""
    return np.asarray(4.0 * sigmoid_derivative(2.0 * np.minimum(np.abs(a), 400.0)))


def softplus(a: Array) -> Array:
    """Return log(1 + e^a), without overflow."""
    return np.asarray(np.maximum(a, 0.0) + np.log1p(exp_of_minus_abs(a)))


def normal_density(a: Array) -> Array:
    """Return the density of the standard normal distribution; beyond |a| = 40 it is below any float64."""
    return np.asarray(np.exp(-0.5 * np.square(np.minimum(np.maximum(a, -40.0), 40.0))) / sqrt(2.0 * pi))


def normal_distribution(a: Array) -> Array:
    """Return Φ(a), the distribution function of the standard normal distribution."""
    return 0.5 * erfc(-a / sqrt(2.0))


def _relu_derivative(a: Array) -> Array:
    return np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, 0.0))


def _silu_derivative(a: Array) -> Array:
    return np.asarray(sigmoid(a) * (1.0 + a * sigmoid(-a)))


def gelu_tanh_exponent(a: Array) -> tuple[Array, Array]:
    """Return w = 2 √(2/π) (a + 0.044715 a³) and w′; beyond |a| = 50 those of 50, where σ(w) is 0 or 1."""
    capped = np.minimum(np.maximum(a, -50.0), 50.0)
    square = np.square(capped)
    factor = 2.0 * sqrt(2.0 / pi)
    w = factor * capped * (1.0 + _GELU_CUBIC * square)
    return np.asarray(w), np.asarray(factor * (1.0 + 3.0 * _GELU_CUBIC * square))


def _gelu_tanh(a: Array) -> Array:
    # ½ (1 + tanh u) = σ(2u), which keeps its digits for very negative u
    return np.asarray(a * sigmoid(gelu_tanh_exponent(a)[0]))


def _gelu_tanh_derivative(a: Array) -> Array:
    w, slope = gelu_tanh_exponent(a)
    return np.asarray(sigmoid(w) + a * (slope * sigmoid_derivative(w)))


def tanh_of_softplus(a: Array) -> tuple[Array, Array]:
    """Return tanh(softplus(a)) and 1 − tanh²(softplus(a)), as fractions in e^(−|a|).

    With n = e^a, tanh(log(1 + n)) = (n² + 2n) / (n² + 2n + 2).
    """
    decay = exp_of_minus_abs(a)
    numerator = np.where(a >= 0, 1.0 + 2.0 * decay, decay * (decay + 2.0))
    denominator = np.where(a >= 0, numerator + 2.0 * np.square(decay), numerator + 2.0)
    root = np.where(a >= 0, decay, 1.0) * (1.0 + decay) / denominator
    return np.asarray(numerator / denominator), np.asarray(4.0 * np.square(root))


def _mish_derivative(a: Array) -> Array:
    value, complement = tanh_of_softplus(a)
    return np.asarray(value + a * complement * sigmoid(a))


def _rows_with_nan(a: Array) -> Array:
    return np.asarray(np.isnan(a).any(axis=-1, keepdims=True))


def _hardtanh_derivative(a: Array) -> Array:
    return np.where(np.isnan(a), np.nan, np.where((a > -1) & (a <= 1), 1.0, 0.0))


def _hardswish_derivative(a: Array) -> Array:
    ramp = (2.0 * np.minimum(np.maximum(a, -3.0), 3.0) + 3.0) / 6.0
    return np.where(np.isnan(a), np.nan, np.where(a > 3, 1.0, np.where(a > -3, ramp, 0.0)))


IDENTITY = elementwise("identity", lambda a: a, np.ones_like)
SIGMOID = elementwise("sigmoid", sigmoid, sigmoid_derivative)
TANH = elementwise("tanh", np.tanh, tanh_derivative)
RELU = elementwise("relu", lambda a: np.maximum(a, 0.0), _relu_derivative, kinks=(Kink(0.0, 0.0, 1.0),))
SOFTPLUS = elementwise("softplus", softplus, sigmoid)
SILU = elementwise("silu", lambda a: a * sigmoid(a), _silu_derivative)

# Hendrycks & Gimpel, arXiv:1606.08415; the exact function, not its tanh approximation
GELU = elementwise(
    "gelu",
    lambda a: a * normal_distribution(a),
    lambda a: normal_distribution(a) + a * normal_density(a),
)

SELU = elementwise(
    "selu",
    lambda a: SELU_SCALE * np.where(a > 0, a, SELU_ALPHA * np.expm1(np.minimum(a, 0.0))),
    lambda a: np.where(a > 0, SELU_SCALE, SELU_SCALE * SELU_ALPHA * np.exp(np.minimum(a, 0.0))),
    kinks=(Kink(0.0, SELU_SCALE * SELU_ALPHA, SELU_SCALE),),
)
GELU_TANH = elementwise("gelu_tanh", _gelu_tanh, _gelu_tanh_derivative)
# Misra, arXiv:1908.08681
MISH = elementwise("mish", lambda a: a * tanh_of_softplus(a)[0], _mish_derivative)
HARDTANH = elementwise(
    "hardtanh",
    lambda a: np.minimum(np.maximum(a, -1.0), 1.0),
    _hardtanh_derivative,
    kinks=(Kink(-1.0, 0.0, 1.0), Kink(1.0, 1.0, 0.0)),
)
# Howard et al., arXiv:1905.02244
HARDSWISH = elementwise(
    "hardswish",
    lambda a: a * (np.minimum(np.maximum(a + 3.0, 0.0), 6.0) / 6.0),
    _hardswish_derivative,
    kinks=(Kink(-3.0, 0.0, -0.5), Kink(3.0, 1.5, 1.0)),
)
SOFTSIGN = elementwise(
    "softsign", lambda a: a / (1.0 + np.abs(a)), lambda a: np.square(1.0 / (1.0 + np.abs(a)))
)
LOG_SIGMOID = elementwise("log_sigmoid", lambda a: -softplus(-a), lambda a: sigmoid(-a))

LOG_SOFTMAX = Activation(
    "log_softmax",
    forward=lambda a: np.where(_rows_with_nan(a), np.nan, log_softmax(a)),
    vjp=lambda a, upstream: np.where(_rows_with_nan(a), np.nan, log_softmax_vjp(a, upstream)),
    derivative=None,
)
SOFTMAX = Activation("softmax", forward=softmax, vjp=softmax_vjp, derivative=None)


def leaky_relu(slope: float = 0.01) -> Activation:
    """Return the row of a where a > 0, slope · a elsewhere."""
    return elementwise(
        "leaky_relu",
        forward=lambda a: np.where(a > 0, a, slope * a),
        derivative=lambda a: np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, slope)),
        kinks=(Kink(at=0.0, left=slope, right=1.0),) if slope != 1 else (),
        options={"slope": slope},
    )


def elu(alpha: float = 1.0) -> Activation:
    """Return the row of a where a > 0, alpha · (e^a − 1) elsewhere."""

    def slope_below_zero(a: Array) -> Array:
        return np.asarray(alpha * np.exp(np.minimum(a, 0.0)))

    return elementwise(
        "elu",
        forward=lambda a: np.where(a > 0, a, alpha * np.expm1(np.minimum(a, 0.0))),
        derivative=lambda a: np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, slope_below_zero(a))),
        kinks=(Kink(at=0.0, left=alpha, right=1.0),) if alpha != 1 else (),
        options={"alpha": alpha},
    )


ACTIVATIONS: Mapping[str, Callable[..., Activation]] = MappingProxyType(
    {
        "identity": lambda: IDENTITY,
        "sigmoid": lambda: SIGMOID,
        "tanh": lambda: TANH,
        "relu": lambda: RELU,
        "leaky_relu": leaky_relu,
        "elu": elu,
        "softplus": lambda: SOFTPLUS,
        "gelu": lambda: GELU,
        "silu": lambda: SILU,
        "selu": lambda: SELU,
        "gelu_tanh": lambda: GELU_TANH,
        "mish": lambda: MISH,
        "hardtanh": lambda: HARDTANH,
        "hardswish": lambda: HARDSWISH,
        "softsign": lambda: SOFTSIGN,
        "log_sigmoid": lambda: LOG_SIGMOID,
        "log_softmax": lambda: LOG_SOFTMAX,
        "softmax": lambda: SOFTMAX,
    }
)
"""For each name the function of the activation's options that returns its row."""


def activation(name: str, **options: Any) -> Activation:
    """Return the row of an activation, its options filled in.

    Parameters
    ----------
    name : str
        A key of `ACTIVATIONS`.
    **options
        `slope` of leaky_relu (0.01 by default) or `alpha` of elu (1.0 by default).

    Returns
    -------
    Activation

    Raises
    ------
    ValueError
        If there is no activation of that name; the message lists the known ones.
    TypeError
        If the activation has no such option.

    Examples
    --------
    >>> activation("leaky_relu", slope=0.2).forward(np.array([-1.0, 1.0]))
    array([-0.2,  1. ])
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; known are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name](**options)
