"""Rounding errors, variances and error bounds of elementary functions: exp, log, powers, sin, erf."""

from dataclasses import replace

import numpy as np

from reference_impl.activations import Activation
from reference_impl.array import Array
from reference_impl.elementary_functions import arctan_derivative, erf_derivative
from verifier.engine.functions.properties import (
    IntervalProperties,
    NumericalProperties,
    elementwise_properties,
    identity_properties,
)


def exp_properties(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=np.exp,
        value_roundoff=np.exp,
        derivative_roundoff=np.exp,
        interval=IntervalProperties(
            value_error=lambda a, z: 10.0 * z, derivative_error=lambda a, slope: 10.0 * slope
        ),
    )


def log_properties(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: -1.0 / np.square(a),
        value_roundoff=lambda a: np.abs(np.log(a)),
        derivative_roundoff=lambda a: 1.0 / np.abs(a),
        interval=IntervalProperties(
            value_error=lambda a, z: 10.0 * np.abs(z), derivative_error=lambda a, slope: 2.0 / np.abs(a)
        ),
    )


def sqrt_properties(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: -0.25 / (np.abs(a) * np.sqrt(a)),
        value_roundoff=np.sqrt,
        derivative_roundoff=lambda a: 1.0 / np.sqrt(a),
        interval=IntervalProperties(
            value_error=lambda a, z: 2.0 * z, derivative_error=lambda a, slope: 2.0 / np.sqrt(a)
        ),
    )


def absolute_properties(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=np.zeros_like,
        value_roundoff=np.zeros_like,
        derivative_roundoff=np.zeros_like,
        interval=IntervalProperties(
            value_error=None, derivative_error=None, turning_points=(0.0,), can_underflow=False
        ),
    )


def power_properties(function: Activation) -> NumericalProperties:
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


def expm1_properties(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=np.exp,
        value_roundoff=lambda a: 1.0 + np.exp(a),  # e^a − 1
        derivative_roundoff=np.exp,
        interval=IntervalProperties(
            value_error=lambda a, z: 10.0 * np.abs(z), derivative_error=lambda a, slope: 10.0 * slope
        ),
    )


def log1p_properties(function: Activation) -> NumericalProperties:
    return elementwise_properties(
        function,
        second_derivative=lambda a: -1.0 / np.square(1.0 + a),
        value_roundoff=lambda a: 1.0 + np.abs(np.log1p(a)),  # log(1 + a): the sum is rounded near 1
        derivative_roundoff=lambda a: 2.0 / np.abs(1.0 + a),
        interval=IntervalProperties(
            value_error=lambda a, z: 10.0 * np.abs(z), derivative_error=lambda a, slope: 4.0 * np.abs(slope)
        ),
    )


def wave_properties(function: Activation) -> NumericalProperties:
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


def arctan_properties(function: Activation) -> NumericalProperties:
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


def erf_properties(function: Activation) -> NumericalProperties:
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


def sign_properties(function: Activation) -> NumericalProperties:
    properties = identity_properties(function)
    # a number near 0 may have either sign after rounding
    return replace(
        properties,
        value_variance=lambda a, variance: np.where(
            np.square(a) > 36.0 * variance, 0.0, np.where(variance > 0, 4.0, 0.0)
        ),
    )
