"""Smooth relatives of relu: rows of softplus, gelu and silu."""

from math import pi, sqrt

import numpy as np

from reference_impl.activation import Activation, Smoothness, elementwise
from reference_impl.array import Array
from reference_impl.error_function import erfc
from reference_impl.logistic import (
    decay_of,
    exponent_rounding,
    sigmoid_formula,
    sigmoid_of,
    sigmoid_slope,
    softplus_formula,
    softplus_of,
)


def softplus() -> Activation:
    def beyond_the_cut(a: Array) -> Array:  # PyTorch's softplus is the identity from 20 on
        return np.asarray(np.where(a > 20.0, decay_of(a), 0.0))

    return elementwise(
        "softplus",
        forward=softplus_of,
        derivative=sigmoid_of,
        second_derivative=sigmoid_slope,
        roundoff=lambda a: 1.0 + np.abs(softplus_of(a)),  # log(1 + e^a): the sum is rounded near 1
        derivative_roundoff=lambda a: sigmoid_of(a) * (2.0 + exponent_rounding(a)),
        library_error=beyond_the_cut,
        derivative_library_error=beyond_the_cut,
        formula=softplus_formula,
        in_torch=lambda torch, a: torch.nn.functional.softplus(a, threshold=40.0),  # 20 would cost 2e-9
        in_graph=lambda graph, a: graph.Softplus()(a),
        smoothness=Smoothness(
            accuracy=lambda a, z: 24.0 * z,
            derivative_accuracy=lambda a, found: 20.0 * found,
        ),
    )


def _normal_density(a: Array) -> Array:
    return np.asarray(np.exp(-0.5 * np.square(np.minimum(np.maximum(a, -40.0), 40.0))) / sqrt(2.0 * pi))


def _normal_distribution(a: Array) -> Array:
    return 0.5 * erfc(-a / sqrt(2.0))


def gelu() -> Activation:
    """a Φ(a), Φ the normal distribution (Hendrycks & Gimpel, arXiv:1606.08415), not its approximation."""

    def tail(a: Array) -> Array:  # erfc magnifies the rounding of its argument x by 2x²
        return np.asarray(40.0 + np.where(a < 0, 3.0 * a * a, 0.0))

    return elementwise(
        "gelu",
        forward=lambda a: a * _normal_distribution(a),
        derivative=lambda a: _normal_distribution(a) + a * _normal_density(a),
        second_derivative=lambda a: (
            _normal_density(a) * (2.0 - np.square(np.minimum(np.maximum(a, -40.0), 40.0)))
        ),
        roundoff=lambda a: np.abs(a),  # a (1 + erf) / 2: the sum is rounded near 1
        derivative_roundoff=lambda a: 1.0 + np.abs(a**3) * _normal_density(a),
        formula=lambda field, a: (
            a * field.erfc(-a / field.exp(field.log(0 * a + 2) / 2)) / 2
        ),  # √2 in the field
        in_torch=lambda torch, a: torch.nn.functional.gelu(a),
        in_graph=lambda graph, a: graph.Gelu()(a),
        smoothness=Smoothness(
            accuracy=lambda a, z: tail(a) * np.abs(z),
            derivative_accuracy=lambda a, found: (
                tail(a) * _normal_distribution(a) + (40.0 + 3.0 * a * a) * np.abs(a) * _normal_density(a)
            ),
            turning_points=(-0.7517915246935645,),
            derivative_turning_points=(-sqrt(2.0), sqrt(2.0)),
        ),
    )


def silu() -> Activation:
    return elementwise(
        "silu",
        forward=lambda a: a * sigmoid_of(a),
        derivative=lambda a: sigmoid_of(a) * (1.0 + a * sigmoid_of(-a)),
        second_derivative=lambda a: sigmoid_slope(a) * (2.0 + a * (1.0 - 2.0 * sigmoid_of(a))),
        roundoff=lambda a: np.abs(a) * sigmoid_of(a) * (3.0 + exponent_rounding(a)),
        derivative_roundoff=lambda a: sigmoid_of(a) * (1.0 + np.abs(a)) * (1.0 + exponent_rounding(a)),
        formula=lambda field, a: a * sigmoid_formula(field, a),
        in_torch=lambda torch, a: torch.nn.functional.silu(a),
        in_graph=lambda graph, a: graph.Silu()(a),
        smoothness=Smoothness(
            accuracy=lambda a, z: 24.0 * np.abs(z),
            derivative_accuracy=lambda a, found: 64.0 * sigmoid_of(a) * (1.0 + np.abs(a) * sigmoid_of(-a)),
            turning_points=(-1.2784645427610738,),
            derivative_turning_points=(-2.3993572805154677, 2.3993572805154677),
        ),
    )
