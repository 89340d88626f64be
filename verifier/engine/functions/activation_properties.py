"""Rounding errors, variances and error bounds of the activations that act on each unit alone."""

from math import pi, sqrt

import numpy as np

from reference_impl.activations import (
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
from verifier.engine.functions.properties import (
    IntervalProperties,
    NumericalProperties,
    elementwise_properties,
)


def exponent_rounding(a: Array) -> Array:
    """Return |a| (1 − σ(a)), the factor by which e^(−a) magnifies the rounding of a, relative to σ(a)."""
    return np.asarray(np.abs(a) * sigmoid(-a))


def sigmoid_properties(function: Activation) -> NumericalProperties:
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


def tanh_properties(function: Activation) -> NumericalProperties:
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


def leaky_relu_properties(function: Activation) -> NumericalProperties:
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


def elu_properties(function: Activation) -> NumericalProperties:
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


def softplus_properties(function: Activation) -> NumericalProperties:
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


def gelu_properties(function: Activation) -> NumericalProperties:
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


def silu_properties(function: Activation) -> NumericalProperties:
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


def selu_properties(function: Activation) -> NumericalProperties:
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


def gelu_tanh_properties(function: Activation) -> NumericalProperties:
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


def mish_properties(function: Activation) -> NumericalProperties:
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


def hardswish_properties(function: Activation) -> NumericalProperties:
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


def softsign_properties(function: Activation) -> NumericalProperties:
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


def log_sigmoid_properties(function: Activation) -> NumericalProperties:
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
