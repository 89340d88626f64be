"""Rounding errors, propagation of variances, and error bounds of activations and elementary functions.

Amounts of rounding are absolute, in units of the unit roundoff. To add an activation, write the function
that returns its properties and add it to `NUMERICAL_PROPERTIES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import pi, sqrt
from types import MappingProxyType

import numpy as np

from reference_impl.activations import (
    ACTIVATIONS,
    SELU_ALPHA,
    SELU_SCALE,
    Activation,
    exp_of_minus_abs,
    gelu_tanh_exponent,
    normal_density,
    normal_distribution,
    sigmoid,
    sigmoid_derivative,
    softplus,
    tanh_of_softplus,
)
from reference_impl.array import Array
from reference_impl.elementary_functions import ELEMENTARY_FUNCTIONS, arctan_derivative, erf_derivative
from reference_impl.softmax import log_softmax, one_minus_softmax, softmax

Function = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class IntervalProperties:
    """The properties needed to enclose g and g′ over an interval, for g that acts on each unit alone.

    value_error, derivative_error: (a, g(a) or g′(a) as computed) -> a bound of the error of one evaluation,
        if elementary functions err by at most 4 units in the last place; None if it is exact.
    turning_points, derivative_turning_points: where g and g′ change between rising and falling.
    can_underflow: True if exponentials are computed.
    steepness: a bound of |g′| and |g″|, for a function with infinitely many turning points; None otherwise.
    """

    value_error: Callable[[Array, Array], Array] | None
    derivative_error: Callable[[Array, Array], Array] | None
    turning_points: tuple[float, ...] = ()
    derivative_turning_points: tuple[float, ...] = ()
    can_underflow: bool = True
    steepness: float | None = None


@dataclass(frozen=True, slots=True)
class NumericalProperties:
    """The numerical properties of one activation or elementary function z = g(a).

    value_variance: (a, variance of a) -> variance of z, to first order.
    vjp_variance: (a, upstream, variance of upstream, variance of a) -> variance of the vector-Jacobian
        product, to first order.
    value_roundoff, vjp_roundoff: of a, and of a and upstream -> the rounding error of the textbook formula
        (1 − tanh² loses a whole unit where it is nearly 0).
    interval: None for softmax, which acts on whole rows.
    library_error, derivative_library_error: a -> the error that common libraries make on purpose, absolute;
        None if there is none.
    """

    value_variance: Callable[[Array, Array], Array]
    vjp_variance: Callable[[Array, Array, Array, Array], Array]
    value_roundoff: Function
    vjp_roundoff: Callable[[Array, Array], Array]
    interval: IntervalProperties | None = None
    library_error: Function | None = None
    derivative_library_error: Function | None = None


def elementwise_properties(
    function: Activation,
    *,
    second_derivative: Function,
    value_roundoff: Function,
    derivative_roundoff: Function,
    interval: IntervalProperties,
    library_error: Function | None = None,
    derivative_library_error: Function | None = None,
) -> NumericalProperties:
    """Return the properties of a function that acts on each unit alone, from g′, g″ and their rounding."""
    derivative = function.derivative
    assert derivative is not None  # else it acts on whole rows

    def vjp_variance(a: Array, upstream: Array, variance_of_upstream: Array, variance_of_a: Array) -> Array:
        through_upstream = derivative(a) ** 2 * variance_of_upstream
        return np.asarray(through_upstream + (upstream * second_derivative(a)) ** 2 * variance_of_a)

    return NumericalProperties(
        value_variance=lambda a, variance: np.asarray(derivative(a) ** 2 * variance),
        vjp_variance=vjp_variance,
        value_roundoff=value_roundoff,
        vjp_roundoff=lambda a, upstream: np.asarray(np.abs(upstream) * derivative_roundoff(a)),
        interval=interval,
        library_error=library_error,
        derivative_library_error=derivative_library_error,
    )


def slopes_of_nearest_kink(function: Activation, a: Array) -> tuple[Array, Array]:
    """Return the slopes on the left and on the right of the kink nearest to each entry."""
    distances = np.stack([np.abs(a - kink.at) for kink in function.kinks])
    nearest = distances.argmin(axis=0)
    left = np.array([kink.left for kink in function.kinks])
    right = np.array([kink.right for kink in function.kinks])
    return left[nearest], right[nearest]


def exponent_rounding(a: Array) -> Array:
    """Return |a| (1 − σ(a)), the factor by which e^(−a) magnifies the rounding of a, relative to σ(a)."""
    return np.asarray(np.abs(a) * sigmoid(-a))


def _identity(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=np.zeros_like,
        value_roundoff=np.zeros_like,
        derivative_roundoff=np.zeros_like,
        interval=IntervalProperties(value_error=None, derivative_error=None, can_underflow=False),
    )


def _sigmoid(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: sigmoid_derivative(a) * (1.0 - 2.0 * sigmoid(a)),
        value_roundoff=lambda a: sigmoid(a) * (2.0 + exponent_rounding(a)),
        derivative_roundoff=sigmoid,  # z (1 − z), z rounded
        interval=IntervalProperties(
            value_error=lambda a, z: 20.0 * z,
            derivative_error=lambda a, slope: 32.0 * slope,
            derivative_turning_points=(0.0,),
        ),
    )


def _tanh(function: Activation) -> NumericalProperties:
    derivative = function.derivative
    assert derivative is not None
    return elementwise_properties(
        function,
        second_derivative=lambda a: -2.0 * np.tanh(a) * derivative(a),
        value_roundoff=lambda a: np.abs(np.tanh(a)),
        derivative_roundoff=lambda a: 2.0 * np.tanh(a) ** 2,  # 1 − z², z rounded
        interval=IntervalProperties(
            value_error=lambda a, z: 10.0 * np.abs(z),
            derivative_error=lambda a, slope: 32.0 * slope,
            derivative_turning_points=(0.0,),
        ),
    )


def _leaky_relu(function: Activation) -> NumericalProperties:
    slope = function.options["slope"]
    return elementwise_properties(
        function,
        second_derivative=np.zeros_like,
        value_roundoff=lambda a: np.where(a > 0, 0.0, abs(slope) * np.abs(a)),
        derivative_roundoff=np.zeros_like,
        interval=IntervalProperties(
            value_error=lambda a, z: np.abs(slope * a),
            derivative_error=None,
            turning_points=(0.0,),
            can_underflow=False,
        ),
    )


def _elu(function: Activation) -> NumericalProperties:
    alpha = function.options["alpha"]

    def exponential(a: Array) -> Array:
        return np.asarray(alpha * np.exp(np.minimum(a, 0.0)))

    def roundoff(a: Array) -> Array:  # e^a − 1
        return np.where(a > 0, 0.0, abs(alpha) + np.abs(a * exponential(a)))

    return elementwise_properties(
        function,
        second_derivative=lambda a: np.where(a > 0, 0.0, exponential(a)),
        value_roundoff=roundoff,
        derivative_roundoff=roundoff,
        interval=IntervalProperties(
            value_error=lambda a, z: np.where(a > 0, 0.0, 12.0 * np.abs(z)),
            derivative_error=lambda a, slope: np.where(a > 0, 0.0, 12.0 * np.abs(slope)),
            turning_points=(0.0,),
        ),
    )


def _softplus(function: Activation) -> NumericalProperties:
    def beyond_the_threshold(a: Array) -> Array:  # PyTorch's softplus is the identity from 20 on
        return np.asarray(np.where(a > 20.0, exp_of_minus_abs(a), 0.0))

    return elementwise_properties(
        function,
        second_derivative=sigmoid_derivative,
        value_roundoff=lambda a: 1.0 + np.abs(softplus(a)),  # log(1 + e^a): the sum is rounded near 1
        derivative_roundoff=lambda a: sigmoid(a) * (2.0 + exponent_rounding(a)),
        library_error=beyond_the_threshold,
        derivative_library_error=beyond_the_threshold,
        interval=IntervalProperties(
            value_error=lambda a, z: 24.0 * z,
            derivative_error=lambda a, slope: 20.0 * slope,
        ),
    )


def _gelu(function: Activation) -> NumericalProperties:
    def erfc_error(a: Array) -> Array:  # erfc magnifies the rounding of its argument x by 2x²
        return np.asarray(40.0 + np.where(a < 0, 3.0 * a * a, 0.0))

    def derivative_error(a: Array, slope: Array) -> Array:
        of_density = (40.0 + 3.0 * a * a) * np.abs(a) * normal_density(a)
        return np.asarray(erfc_error(a) * normal_distribution(a) + of_density)

    return elementwise_properties(
        function,
        second_derivative=lambda a: (
            normal_density(a) * (2.0 - np.square(np.minimum(np.maximum(a, -40.0), 40.0)))
        ),
        value_roundoff=np.abs,  # a (1 + erf) / 2: the sum is rounded near 1
        derivative_roundoff=lambda a: 1.0 + np.abs(a**3) * normal_density(a),
        interval=IntervalProperties(
            value_error=lambda a, z: erfc_error(a) * np.abs(z),
            derivative_error=derivative_error,
            turning_points=(-0.7517915246935645,),
            derivative_turning_points=(-sqrt(2.0), sqrt(2.0)),
        ),
    )


def _silu(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: sigmoid_derivative(a) * (2.0 + a * (1.0 - 2.0 * sigmoid(a))),
        value_roundoff=lambda a: np.abs(a) * sigmoid(a) * (3.0 + exponent_rounding(a)),
        derivative_roundoff=lambda a: sigmoid(a) * (1.0 + np.abs(a)) * (1.0 + exponent_rounding(a)),
        interval=IntervalProperties(
            value_error=lambda a, z: 24.0 * np.abs(z),
            derivative_error=lambda a, slope: 64.0 * sigmoid(a) * (1.0 + np.abs(a) * sigmoid(-a)),
            turning_points=(-1.2784645427610738,),
            derivative_turning_points=(-2.3993572805154677, 2.3993572805154677),
        ),
    )


def _selu(function: Activation) -> NumericalProperties:
    def exponential(a: Array) -> Array:
        return np.asarray(SELU_SCALE * SELU_ALPHA * np.exp(np.minimum(a, 0.0)))

    def roundoff(a: Array) -> Array:  # of e^a − 1, and of the products with both constants
        below = SELU_SCALE * SELU_ALPHA + np.abs(a * exponential(a))
        return np.where(a > 0, np.abs(SELU_SCALE * a), 2.0 * below)

    return elementwise_properties(
        function,
        second_derivative=lambda a: np.where(a > 0, 0.0, exponential(a)),
        value_roundoff=roundoff,
        derivative_roundoff=lambda a: np.where(a > 0, SELU_SCALE, roundoff(a)),
        interval=IntervalProperties(
            value_error=lambda a, z: 14.0 * np.abs(z),
            derivative_error=lambda a, slope: 14.0 * np.abs(slope),
            turning_points=(0.0,),
        ),
    )


_TANH_IS_ONE = 40.0  # in float64, tanh of half of it


def _gelu_tanh(function: Activation) -> NumericalProperties:
    def magnification(a: Array) -> Array:  # e^(−w) magnifies the rounding of w
        w, _ = gelu_tanh_exponent(a)
        return np.asarray(np.abs(w) * sigmoid(-w))

    def slope_terms(a: Array) -> Array:
        w, slope = gelu_tanh_exponent(a)
        return np.asarray(np.abs(a) * slope * sigmoid_derivative(w) * (1.0 + np.abs(w)))

    def second_derivative(a: Array) -> Array:
        w, slope = gelu_tanh_exponent(a)
        bending = 12.0 * sqrt(2.0 / pi) * 0.044715 * a
        inner = 2.0 * slope + a * ((1.0 - 2.0 * sigmoid(w)) * np.square(slope) + bending)
        return np.asarray(np.where(np.abs(a) > 50.0, 0.0, sigmoid_derivative(w) * inner))

    def lost_near_one(a: Array) -> Array:  # in 1 − tanh²(w / 2), until tanh is rounded to 1
        w, slope = gelu_tanh_exponent(a)
        return np.asarray(np.where(np.abs(w) < _TANH_IS_ONE, 0.5 * np.abs(a * slope), 0.0))

    return elementwise_properties(
        function,
        second_derivative=second_derivative,
        value_roundoff=np.abs,  # a (1 + tanh) / 2: the sum is rounded near 1
        derivative_roundoff=lambda a: 1.0 + 4.0 * slope_terms(a) + lost_near_one(a),
        interval=IntervalProperties(
            value_error=lambda a, z: (30.0 + 16.0 * magnification(a)) * np.abs(z),
            derivative_error=lambda a, slope: (
                (30.0 + 16.0 * magnification(a)) * sigmoid(gelu_tanh_exponent(a)[0]) + 64.0 * slope_terms(a)
            ),
            turning_points=(-0.7524614220710163,),
            derivative_turning_points=(-1.4185040087908283, 1.4185040087908283),
        ),
    )


def _mish(function: Activation) -> NumericalProperties:
    def second_derivative(a: Array) -> Array:
        (t, complement), s = tanh_of_softplus(a), sigmoid(a)
        return np.asarray(complement * s * (2.0 + a * (sigmoid(-a) - 2.0 * t * s)))

    def slope_terms(a: Array) -> Array:
        t, complement = tanh_of_softplus(a)
        return np.asarray(t + np.abs(a) * complement * sigmoid(a))

    return elementwise_properties(
        function,
        second_derivative=second_derivative,
        # tanh of log(1 + e^a): the sum is rounded near 1
        value_roundoff=lambda a: np.abs(a) * (2.0 + exponent_rounding(a)),
        derivative_roundoff=lambda a: (1.0 + np.abs(a) * sigmoid(a)) * (3.0 + exponent_rounding(a)),
        interval=IntervalProperties(
            value_error=lambda a, z: 40.0 * np.abs(z),
            derivative_error=lambda a, slope: 100.0 * slope_terms(a),
            turning_points=(-1.1924312145154952,),
            derivative_turning_points=(-2.256376396360793, 1.4905711794854284),
        ),
    )


def _hardswish(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: np.where((a > -3) & (a <= 3), 1.0 / 3.0, 0.0),
        value_roundoff=lambda a: np.abs(a),  # a + 3 is rounded
        derivative_roundoff=lambda a: np.where(np.abs(a) > 3, 0.0, 1.0 + np.abs(a)),
        interval=IntervalProperties(
            value_error=lambda a, z: 8.0 * np.abs(z),
            derivative_error=lambda a, slope: 8.0 * np.abs(slope),
            turning_points=(-3.0, -1.5),
            can_underflow=False,
        ),
    )


def _softsign(function: Activation) -> NumericalProperties:
    derivative = function.derivative
    assert derivative is not None
    return elementwise_properties(
        function,
        second_derivative=lambda a: -2.0 * np.sign(a) * derivative(a) / (1.0 + np.abs(a)),
        value_roundoff=lambda a: 2.0 * np.abs(function.forward(a)),
        derivative_roundoff=lambda a: 6.0 * derivative(a),
        interval=IntervalProperties(
            value_error=lambda a, z: 4.0 * np.abs(z),
            derivative_error=lambda a, slope: 8.0 * slope,
            derivative_turning_points=(0.0,),
        ),
    )


def _log_sigmoid(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: -sigmoid_derivative(a),
        value_roundoff=lambda a: 1.0 + np.abs(function.forward(a)),  # log(1 + e^(−a))
        # 1 − σ(a), σ rounded, or σ(−a)
        derivative_roundoff=lambda a: sigmoid(a) + sigmoid(-a) * (2.0 + exponent_rounding(-a)),
        interval=IntervalProperties(
            value_error=lambda a, z: 24.0 * np.abs(z),
            derivative_error=lambda a, slope: 20.0 * slope,
        ),
    )


def _exp(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=np.exp,
        value_roundoff=np.exp,
        derivative_roundoff=np.exp,
        interval=IntervalProperties(
            value_error=lambda a, z: 10.0 * z, derivative_error=lambda a, slope: 10.0 * slope
        ),
    )


def _log(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: -1.0 / np.square(a),
        value_roundoff=lambda a: np.abs(np.log(a)),
        derivative_roundoff=lambda a: 1.0 / np.abs(a),
        interval=IntervalProperties(
            value_error=lambda a, z: 10.0 * np.abs(z), derivative_error=lambda a, slope: 2.0 / np.abs(a)
        ),
    )


def _sqrt(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: -0.25 / (np.abs(a) * np.sqrt(a)),
        value_roundoff=np.sqrt,
        derivative_roundoff=lambda a: 1.0 / np.sqrt(a),
        interval=IntervalProperties(
            value_error=lambda a, z: 2.0 * z, derivative_error=lambda a, slope: 2.0 / np.sqrt(a)
        ),
    )


def _absolute(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=np.zeros_like,
        value_roundoff=np.zeros_like,
        derivative_roundoff=np.zeros_like,
        interval=IntervalProperties(
            value_error=None, derivative_error=None, turning_points=(0.0,), can_underflow=False
        ),
    )


def _power(function: Activation) -> NumericalProperties:
    exponent = function.options["exponent"]
    value, derivative = function.forward, function.derivative
    assert derivative is not None

    def second_derivative(a: Array) -> Array:
        factor = exponent * (exponent - 1.0)
        return factor * np.asarray(np.power(a, exponent - 2.0)) if factor else np.zeros_like(a)

    def magnification(a: Array) -> Array:  # by repeated multiplication, or by e^(n log a)
        logarithm = np.log(np.where(a == 0, 1.0, np.abs(a)))
        return np.asarray(2.0 + abs(exponent) * (1.0 + np.abs(logarithm)))

    return elementwise_properties(
        function,
        second_derivative=second_derivative,
        value_roundoff=lambda a: np.abs(value(a)) * magnification(a),
        derivative_roundoff=lambda a: np.abs(derivative(a)) * magnification(a),
        interval=IntervalProperties(
            value_error=lambda a, z: 24.0 * np.abs(z),
            derivative_error=lambda a, slope: 26.0 * np.abs(slope),
            turning_points=(0.0,),
            derivative_turning_points=(0.0,),
        ),
    )


def _expm1(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=np.exp,
        value_roundoff=lambda a: 1.0 + np.exp(a),  # e^a − 1
        derivative_roundoff=np.exp,
        interval=IntervalProperties(
            value_error=lambda a, z: 10.0 * np.abs(z), derivative_error=lambda a, slope: 10.0 * slope
        ),
    )


def _log1p(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: -1.0 / np.square(1.0 + a),
        value_roundoff=lambda a: 1.0 + np.abs(np.log1p(a)),  # log(1 + a): the sum is rounded near 1
        derivative_roundoff=lambda a: 2.0 / np.abs(1.0 + a),
        interval=IntervalProperties(
            value_error=lambda a, z: 10.0 * np.abs(z), derivative_error=lambda a, slope: 4.0 * np.abs(slope)
        ),
    )


def _wave(function: Activation) -> NumericalProperties:
    """Return the properties of sin and cos, whose second derivative is −g."""
    derivative = function.derivative
    assert derivative is not None
    return elementwise_properties(
        function,
        second_derivative=lambda a: -function.forward(a),
        value_roundoff=lambda a: np.abs(function.forward(a)),
        derivative_roundoff=lambda a: np.abs(derivative(a)),
        interval=IntervalProperties(
            value_error=lambda a, z: 10.0 * np.abs(z),
            derivative_error=lambda a, slope: 10.0 * np.abs(slope),
            can_underflow=False,
            steepness=1.0,
        ),
    )


def _arctan(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: -2.0 * a * np.square(arctan_derivative(a)),
        value_roundoff=lambda a: np.abs(np.arctan(a)),
        derivative_roundoff=lambda a: 2.0 * arctan_derivative(a),
        interval=IntervalProperties(
            value_error=lambda a, z: 10.0 * np.abs(z),
            derivative_error=lambda a, slope: 6.0 * slope,
            derivative_turning_points=(0.0,),
        ),
    )


def _erf(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: -2.0 * a * erf_derivative(a),
        value_roundoff=lambda a: 2.0 * np.abs(function.forward(a)),
        derivative_roundoff=lambda a: erf_derivative(a) * (2.0 + np.square(a)),
        interval=IntervalProperties(
            value_error=lambda a, z: 16.0 * np.abs(z),
            # the exponent of e^(−a²) is rounded once
            derivative_error=lambda a, slope: (12.0 + np.square(a)) * slope,
            derivative_turning_points=(0.0,),
        ),
    )


def _sign(function: Activation) -> NumericalProperties:
    properties = _identity(function)
    # a number near 0 may have either sign after rounding
    return replace(
        properties,
        value_variance=lambda a, variance: np.where(
            np.square(a) > 36.0 * variance, 0.0, np.where(variance > 0, 4.0, 0.0)
        ),
    )


def _sum_of_others(a: Array, terms: Array) -> Array:
    """Return Σ_{j≠k} terms_j; for the likeliest unit k its own term is never added, so nothing cancels."""
    top = np.arange(a.shape[-1]) == a.argmax(axis=-1)[..., None]
    without_top = np.where(top, 0.0, terms).sum(axis=-1, keepdims=True)
    total = terms.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(top, without_top, total - terms))


def _softmax_variance(a: Array, variance: Array) -> Array:
    """Return p_k² [(1 − p_k)² var_k + Σ_{j≠k} p_j² var_j], the squared Jacobian applied to variances."""
    p = softmax(a)
    others = np.maximum(_sum_of_others(a, np.square(p) * variance), 0.0)
    return np.asarray(np.square(p) * (np.square(one_minus_softmax(a)) * variance + others))


def _softmax_vjp_variance(
    a: Array, upstream: Array, variance_of_upstream: Array, variance_of_a: Array
) -> Array:
    """Return the variance of p_k w_k with w = u − Σ u p.

    Its derivative with respect to a_j is p_k ([k = j] w_k − p_j (w_k + w_j)).
    """
    p = softmax(a)
    relative = upstream - np.take_along_axis(upstream, a.argmax(axis=-1)[..., None], axis=-1)
    w = relative - (relative * p).sum(axis=-1, keepdims=True)
    weighted = np.square(p) * variance_of_a
    through_a = (
        np.square(w * (1.0 - 2.0 * p)) * variance_of_a
        + np.square(w) * _sum_of_others(a, weighted)
        + 2.0 * w * _sum_of_others(a, weighted * w)
        + _sum_of_others(a, weighted * np.square(w))
    )
    through_upstream = _softmax_variance(a, variance_of_upstream)
    return np.asarray(through_upstream + np.square(p) * np.maximum(through_a, 0.0))


def _softmax(function: Activation) -> NumericalProperties:
    def magnification(a: Array) -> Array:  # exp magnifies the rounding of its argument
        return np.asarray(2.0 + np.abs(a).max(axis=-1, keepdims=True))

    def vjp_roundoff(a: Array, upstream: Array) -> Array:
        p = softmax(a)
        largest = np.abs(upstream) + (np.abs(upstream) * p).sum(axis=-1, keepdims=True)
        return np.asarray(p * largest * magnification(a))

    return NumericalProperties(
        value_variance=_softmax_variance,
        vjp_variance=_softmax_vjp_variance,
        value_roundoff=lambda a: softmax(a) * magnification(a),
        vjp_roundoff=vjp_roundoff,
    )


def log_softmax_vjp_variance(a: Array, upstream: Array, variance: Array) -> Array:
    """Return the variance of the vector-Jacobian product of log softmax, from the variance of a alone."""
    return np.asarray(upstream.sum(axis=-1, keepdims=True) ** 2 * _softmax_variance(a, variance))


def log_softmax_magnification(a: Array) -> Array:
    """Return the relative rounding error of the probabilities, in units of the unit roundoff."""
    return np.asarray(2.0 * np.abs(a).max(axis=-1, keepdims=True) * one_minus_softmax(a) + a.shape[-1] ** 0.5)


def _log_softmax(function: Activation) -> NumericalProperties:
    def value_variance(a: Array, variance: Array) -> Array:
        p = softmax(a)
        others = np.maximum(_sum_of_others(a, np.square(p) * variance), 0.0)
        return np.asarray(np.square(one_minus_softmax(a)) * variance + others)

    def vjp_variance(a: Array, upstream: Array, of_upstream: Array, of_a: Array) -> Array:
        p = softmax(a)
        through_upstream = np.square(one_minus_softmax(a)) * of_upstream + np.square(p) * np.maximum(
            of_upstream.sum(axis=-1, keepdims=True) - of_upstream, 0.0
        )
        return np.asarray(through_upstream + log_softmax_vjp_variance(a, upstream, of_a))

    def value_roundoff(a: Array) -> Array:
        largest = np.abs(a).max(axis=-1, keepdims=True)
        return np.asarray(np.abs(log_softmax(a)) + 1.0 + largest)

    def vjp_roundoff(a: Array, upstream: Array) -> Array:
        total = np.abs(upstream).sum(axis=-1, keepdims=True)
        return np.asarray(np.abs(upstream) + softmax(a) * total * (2.0 + log_softmax_magnification(a)))

    return NumericalProperties(value_variance, vjp_variance, value_roundoff, vjp_roundoff)


NUMERICAL_PROPERTIES: Mapping[str, Callable[[Activation], NumericalProperties]] = MappingProxyType(
    {
        "identity": _identity,
        "sigmoid": _sigmoid,
        "tanh": _tanh,
        "relu": _identity,  # exact as well
        "leaky_relu": _leaky_relu,
        "elu": _elu,
        "softplus": _softplus,
        "gelu": _gelu,
        "silu": _silu,
        "selu": _selu,
        "gelu_tanh": _gelu_tanh,
        "mish": _mish,
        "hardtanh": _identity,  # exact as well
        "hardswish": _hardswish,
        "softsign": _softsign,
        "log_sigmoid": _log_sigmoid,
        "log_softmax": _log_softmax,
        "softmax": _softmax,
        "exp": _exp,
        "log": _log,
        "sqrt": _sqrt,
        "absolute": _absolute,
        "power": _power,
        "expm1": _expm1,
        "log1p": _log1p,
        "sin": _wave,
        "cos": _wave,
        "arctan": _arctan,
        "erf": _erf,
        "sign": _sign,
        "clip": _identity,  # exact as well
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
