"""Activations that squash: rows of sigmoid and tanh."""

import numpy as np

from reference_impl.activation import Activation, LogForm, Smoothness, elementwise
from reference_impl.array import Array
from reference_impl.logistic import (
    exponent_rounding,
    sigmoid_formula,
    sigmoid_of,
    sigmoid_slope,
    softplus_formula,
    softplus_of,
)


def sigmoid() -> Activation:
    return elementwise(
        "sigmoid",
        forward=sigmoid_of,
        derivative=sigmoid_slope,
        second_derivative=lambda a: sigmoid_slope(a) * (1.0 - 2.0 * sigmoid_of(a)),
        roundoff=lambda a: sigmoid_of(a) * (2.0 + exponent_rounding(a)),
        derivative_roundoff=sigmoid_of,  # z(1 − z), z rounded
        formula=sigmoid_formula,
        in_torch=lambda torch, a: torch.sigmoid(a),
        in_graph=lambda graph, a: graph.Sigmoid()(a),
        smoothness=Smoothness(
            accuracy=lambda a, z: 20.0 * z,
            derivative_accuracy=lambda a, found: 32.0 * found,
            derivative_turning_points=(0.0,),
        ),
        log=LogForm(
            forward=lambda a: -softplus_of(-a),
            pull_back=lambda a, upstream: upstream * sigmoid_of(-a),
            pull_back_spread=lambda a, upstream, variance: (upstream * sigmoid_slope(a)) ** 2 * variance,
            magnified=exponent_rounding,
            formula=lambda field, a: -softplus_formula(field, -a),
        ),
        log_complement=LogForm(
            forward=lambda a: -softplus_of(a),
            pull_back=lambda a, upstream: -upstream * sigmoid_of(a),
            pull_back_spread=lambda a, upstream, variance: (upstream * sigmoid_slope(a)) ** 2 * variance,
            magnified=lambda a: exponent_rounding(-a),
            formula=lambda field, a: -softplus_formula(field, a),
        ),
    )


def tanh() -> Activation:
    def slope(a: Array) -> Array:  # 1 − tanh² loses its digits from a = 10 on
        return 4.0 * sigmoid_slope(2.0 * np.minimum(np.abs(a), 400.0))

    return elementwise(
        "tanh",
        forward=np.tanh,
        derivative=slope,
        second_derivative=lambda a: -2.0 * np.tanh(a) * slope(a),
        roundoff=lambda a: np.abs(np.tanh(a)),
        derivative_roundoff=lambda a: 2.0 * np.tanh(a) ** 2,  # 1 − z², z rounded
        formula=lambda field, a: field.tanh(a),
        in_torch=lambda torch, a: torch.tanh(a),
        in_graph=lambda graph, a: graph.Tanh()(a),
        smoothness=Smoothness(
            accuracy=lambda a, z: 10.0 * np.abs(z),
            derivative_accuracy=lambda a, found: 32.0 * found,
            derivative_turning_points=(0.0,),
        ),
    )
