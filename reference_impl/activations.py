"""The table of activations: one row each, holding everything the project knows of it.

To add one, write a function that gives its row and name it in ACTIVATIONS. The function's arguments are the
activation's options. Derivatives are written so that they keep their digits where the unit saturates.
"""

from collections.abc import Callable, Mapping
from math import pi, sqrt
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.activation import Activation, Kink, LogForm, Smoothness, elementwise
from reference_impl.array import Array
from reference_impl.error_function import erfc
from reference_impl.field import Field, magnitude
from reference_impl.softmax import (
    log_softmax,
    log_softmax_pull_back,
    one_minus_softmax,
    softmax,
    softmax_pull_back,
)


def _identity() -> Activation:
    return elementwise(
        "identity",
        forward=lambda a: a,
        derivative=np.ones_like,
        second_derivative=np.zeros_like,
        roundoff=np.zeros_like,
        derivative_roundoff=np.zeros_like,
        formula=lambda field, a: a,
        in_torch=lambda torch, a: a,
        in_graph=lambda graph, a: a,
        smoothness=Smoothness(accuracy=np.zeros_like, derivative_accuracy=np.zeros_like, elementary=False),
    )


def _decay(a: Array) -> Array:
    return np.asarray(np.exp(-np.abs(a)))


def _sigmoid_of(a: Array) -> Array:
    decay = _decay(a)
    return np.asarray(np.where(a >= 0, 1.0, decay) / (1.0 + decay))


def _sigmoid_slope(a: Array) -> Array:
    decay = _decay(a)
    return np.asarray(decay / (1.0 + decay) ** 2)


def _exponent_rounding(a: Array) -> Array:
    """|a| (1 − σ(a)): by how much e^(−a) magnifies the rounding of a, relative to σ(a)."""
    return np.asarray(np.abs(a) * _sigmoid_of(-a))


def _softplus_of(a: Array) -> Array:
    return np.asarray(np.maximum(a, 0.0) + np.log1p(_decay(a)))


def _sigmoid_formula(field: Field, a: Array) -> Array:
    decay = field.exp(-magnitude(field, a))
    return np.asarray(field.where_positive(a, 0 * a + 1, decay) / (1 + decay))


def _softplus_formula(field: Field, a: Array) -> Array:
    return np.asarray(field.where_positive(a, a, 0 * a) + field.log1p(field.exp(-magnitude(field, a))))


def _sigmoid() -> Activation:
    return elementwise(
        "sigmoid",
        forward=_sigmoid_of,
        derivative=_sigmoid_slope,
        second_derivative=lambda a: _sigmoid_slope(a) * (1.0 - 2.0 * _sigmoid_of(a)),
        roundoff=lambda a: _sigmoid_of(a) * (2.0 + _exponent_rounding(a)),
        derivative_roundoff=_sigmoid_of,  # z(1 − z), z rounded
        formula=_sigmoid_formula,
        in_torch=lambda torch, a: torch.sigmoid(a),
        in_graph=lambda graph, a: graph.Sigmoid()(a),
        smoothness=Smoothness(
            accuracy=lambda a: 20.0 * _sigmoid_of(a),
            derivative_accuracy=lambda a: 32.0 * _sigmoid_slope(a),
            derivative_turning_points=(0.0,),
        ),
        log=LogForm(
            forward=lambda a: -_softplus_of(-a),
            pull_back=lambda a, upstream: upstream * _sigmoid_of(-a),
            pull_back_spread=lambda a, upstream, variance: (upstream * _sigmoid_slope(a)) ** 2 * variance,
            magnified=_exponent_rounding,
            formula=lambda field, a: -_softplus_formula(field, -a),
        ),
        log_complement=LogForm(
            forward=lambda a: -_softplus_of(a),
            pull_back=lambda a, upstream: -upstream * _sigmoid_of(a),
            pull_back_spread=lambda a, upstream, variance: (upstream * _sigmoid_slope(a)) ** 2 * variance,
            magnified=lambda a: _exponent_rounding(-a),
            formula=lambda field, a: -_softplus_formula(field, a),
        ),
    )


def _tanh() -> Activation:
    def slope(a: Array) -> Array:  # 1 − tanh² loses its digits from a = 10 on
        return 4.0 * _sigmoid_slope(2.0 * np.clip(a, -400.0, 400.0))

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
            accuracy=lambda a: 10.0 * np.abs(np.tanh(a)),
            derivative_accuracy=lambda a: 32.0 * slope(a),
            derivative_turning_points=(0.0,),
        ),
    )


def _relu() -> Activation:
    return elementwise(
        "relu",
        forward=lambda a: np.maximum(a, 0.0),
        derivative=lambda a: np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, 0.0)),
        second_derivative=np.zeros_like,
        roundoff=np.zeros_like,
        derivative_roundoff=np.zeros_like,
        formula=lambda field, a: field.where_positive(a, a, 0 * a),
        in_torch=lambda torch, a: torch.relu(a),
        in_graph=lambda graph, a: graph.Relu()(a),
        smoothness=Smoothness(accuracy=np.zeros_like, derivative_accuracy=np.zeros_like, elementary=False),
        kinks=(Kink(at=0.0, left=0.0, right=1.0),),
    )


def _leaky_relu(slope: float = 0.01) -> Activation:
    return elementwise(
        "leaky_relu",
        forward=lambda a: np.where(a > 0, a, slope * a),
        derivative=lambda a: np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, slope)),
        second_derivative=np.zeros_like,
        roundoff=lambda a: np.where(a > 0, 0.0, abs(slope) * np.abs(a)),
        derivative_roundoff=np.zeros_like,
        formula=lambda field, a: field.where_positive(a, a, slope * a),
        in_torch=lambda torch, a: torch.nn.functional.leaky_relu(a, negative_slope=slope),
        in_graph=lambda graph, a: graph.LeakyRelu(slope)(a),
        smoothness=Smoothness(
            accuracy=lambda a: np.abs(slope * a),
            derivative_accuracy=np.zeros_like,
            turning_points=(0.0,),
            elementary=False,
        ),
        kinks=(Kink(at=0.0, left=slope, right=1.0),) if slope != 1 else (),
        options={"slope": slope},
    )


def _elu(alpha: float = 1.0) -> Activation:
    def exponential(a: Array) -> Array:
        return np.asarray(alpha * np.exp(np.minimum(a, 0.0)))

    return elementwise(
        "elu",
        forward=lambda a: np.where(a > 0, a, alpha * np.expm1(np.minimum(a, 0.0))),
        derivative=lambda a: np.where(np.isnan(a), np.nan, np.where(a > 0, 1.0, exponential(a))),
        second_derivative=lambda a: np.where(a > 0, 0.0, exponential(a)),
        roundoff=lambda a: np.where(a > 0, 0.0, abs(alpha) + np.abs(a * exponential(a))),  # e^a − 1
        derivative_roundoff=lambda a: np.where(a > 0, 0.0, abs(alpha) + np.abs(a * exponential(a))),
        formula=lambda field, a: field.where_positive(a, a, alpha * field.expm1(-magnitude(field, a))),
        in_torch=lambda torch, a: torch.nn.functional.elu(a, alpha=alpha),
        in_graph=lambda graph, a: graph.Elu(alpha)(a),
        smoothness=Smoothness(
            accuracy=lambda a: np.where(a > 0, 0.0, 12.0 * np.abs(alpha * np.expm1(np.minimum(a, 0.0)))),
            derivative_accuracy=lambda a: np.where(a > 0, 0.0, 12.0 * np.abs(exponential(a))),
            turning_points=(0.0,),
        ),
        kinks=(Kink(at=0.0, left=alpha, right=1.0),) if alpha != 1 else (),
        options={"alpha": alpha},
    )


def _softplus() -> Activation:
    def beyond_the_cut(a: Array) -> Array:  # PyTorch's softplus is the identity from 20 on
        return np.asarray(np.where(a > 20.0, _decay(a), 0.0))

    return elementwise(
        "softplus",
        forward=_softplus_of,
        derivative=_sigmoid_of,
        second_derivative=_sigmoid_slope,
        roundoff=lambda a: 1.0 + np.abs(_softplus_of(a)),  # log(1 + e^a): the sum is rounded near 1
        derivative_roundoff=lambda a: _sigmoid_of(a) * (2.0 + _exponent_rounding(a)),
        library_error=beyond_the_cut,
        derivative_library_error=beyond_the_cut,
        formula=_softplus_formula,
        in_torch=lambda torch, a: torch.nn.functional.softplus(a, threshold=40.0),  # 20 would cost 2e-9
        in_graph=lambda graph, a: graph.Softplus()(a),
        smoothness=Smoothness(
            accuracy=lambda a: 24.0 * _softplus_of(a),
            derivative_accuracy=lambda a: 20.0 * _sigmoid_of(a),
        ),
    )


def _normal_density(a: Array) -> Array:
    return np.asarray(np.exp(-0.5 * np.square(np.clip(a, -40.0, 40.0))) / sqrt(2.0 * pi))


def _normal_distribution(a: Array) -> Array:
    return 0.5 * erfc(-a / sqrt(2.0))


def _gelu() -> Activation:
    """a Φ(a), Φ the normal distribution (Hendrycks & Gimpel, arXiv:1606.08415), not its approximation."""

    def tail(a: Array) -> Array:  # erfc magnifies the rounding of its argument x by 2x²
        return np.asarray(40.0 + np.where(a < 0, 3.0 * a * a, 0.0))

    return elementwise(
        "gelu",
        forward=lambda a: a * _normal_distribution(a),
        derivative=lambda a: _normal_distribution(a) + a * _normal_density(a),
        second_derivative=lambda a: _normal_density(a) * (2.0 - np.square(np.clip(a, -40.0, 40.0))),
        roundoff=lambda a: np.abs(a),  # a (1 + erf) / 2: the sum is rounded near 1
        derivative_roundoff=lambda a: 1.0 + np.abs(a**3) * _normal_density(a),
        formula=lambda field, a: (
            a * field.erfc(-a / field.exp(field.log(0 * a + 2) / 2)) / 2
        ),  # √2 in the field
        in_torch=lambda torch, a: torch.nn.functional.gelu(a),
        in_graph=lambda graph, a: graph.Gelu()(a),
        smoothness=Smoothness(
            accuracy=lambda a: tail(a) * np.abs(a * _normal_distribution(a)),
            derivative_accuracy=lambda a: (
                tail(a) * _normal_distribution(a) + (40.0 + 3.0 * a * a) * np.abs(a) * _normal_density(a)
            ),
            turning_points=(-0.7517915246935645,),
            derivative_turning_points=(-sqrt(2.0), sqrt(2.0)),
        ),
    )


def _silu() -> Activation:
    return elementwise(
        "silu",
        forward=lambda a: a * _sigmoid_of(a),
        derivative=lambda a: _sigmoid_of(a) * (1.0 + a * _sigmoid_of(-a)),
        second_derivative=lambda a: _sigmoid_slope(a) * (2.0 + a * (1.0 - 2.0 * _sigmoid_of(a))),
        roundoff=lambda a: np.abs(a) * _sigmoid_of(a) * (3.0 + _exponent_rounding(a)),
        derivative_roundoff=lambda a: _sigmoid_of(a) * (1.0 + np.abs(a)) * (1.0 + _exponent_rounding(a)),
        formula=lambda field, a: a * _sigmoid_formula(field, a),
        in_torch=lambda torch, a: torch.nn.functional.silu(a),
        in_graph=lambda graph, a: graph.Silu()(a),
        smoothness=Smoothness(
            accuracy=lambda a: 24.0 * np.abs(a) * _sigmoid_of(a),
            derivative_accuracy=lambda a: 64.0 * _sigmoid_of(a) * (1.0 + np.abs(a) * _sigmoid_of(-a)),
            turning_points=(-1.2784645427610738,),
            derivative_turning_points=(-2.3993572805154677, 2.3993572805154677),
        ),
    )


def _sum_of_others(a: Array, terms: Array) -> Array:
    """Σ_{j≠k} of terms, for the likeliest unit without subtracting its own."""
    top = np.arange(a.shape[-1]) == a.argmax(axis=-1)[..., None]
    without_top = np.where(top, 0.0, terms).sum(axis=-1, keepdims=True)
    total = terms.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(top, without_top, total - terms))


def _softmax_spread(a: Array, variance: Array) -> Array:
    """p_k² [(1 − p_k)² var_k + Σ_{j≠k} p_j² var_j], the squared Jacobian applied to variances."""
    p = softmax(a)
    others = np.maximum(_sum_of_others(a, np.square(p) * variance), 0.0)
    return np.asarray(np.square(p) * (np.square(one_minus_softmax(a)) * variance + others))


def _softmax_pull_back_spread(a: Array, upstream: Array, of_upstream: Array, of_a: Array) -> Array:
    """Variance of p_k w_k, w = u − Σ u p, whose derivative by a_j is p_k ([k = j] w_k − p_j (w_k + w_j))."""
    p = softmax(a)
    relative = upstream - np.take_along_axis(upstream, a.argmax(axis=-1)[..., None], axis=-1)
    w = relative - (relative * p).sum(axis=-1, keepdims=True)
    weighted = np.square(p) * of_a
    through_a = (
        np.square(w * (1.0 - 2.0 * p)) * of_a
        + np.square(w) * _sum_of_others(a, weighted)
        + 2.0 * w * _sum_of_others(a, weighted * w)
        + _sum_of_others(a, weighted * np.square(w))
    )
    return np.asarray(_softmax_spread(a, of_upstream) + np.square(p) * np.maximum(through_a, 0.0))


def _softmax_formula(field: Field, a: Array) -> Array:
    exponentials = field.exp(a - field.row_maximum(a))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def _log_softmax_formula(field: Field, a: Array) -> Array:
    shifted = a - field.row_maximum(a)
    return np.asarray(shifted - field.log(field.exp(shifted).sum(axis=-1, keepdims=True)))


def _softmax() -> Activation:
    def size(a: Array) -> Array:  # the exponent's own rounding, magnified by exp
        return np.asarray(2.0 + np.abs(a).max(axis=-1, keepdims=True))

    def pull_back_roundoff(a: Array, upstream: Array) -> Array:
        p = softmax(a)
        largest = np.abs(upstream) + (np.abs(upstream) * p).sum(axis=-1, keepdims=True)
        return np.asarray(p * largest * size(a))

    return Activation(
        name="softmax",
        forward=softmax,
        pull_back=softmax_pull_back,
        derivative=None,
        spread=_softmax_spread,
        pull_back_spread=_softmax_pull_back_spread,
        roundoff=lambda a: softmax(a) * size(a),
        pull_back_roundoff=pull_back_roundoff,
        formula=_softmax_formula,
        in_torch=lambda torch, a: torch.softmax(a, dim=-1),
        in_graph=lambda graph, a: graph.Softmax()(a),
        log=LogForm(
            forward=log_softmax,
            pull_back=log_softmax_pull_back,
            pull_back_spread=lambda a, upstream, variance: (
                upstream.sum(axis=-1, keepdims=True) ** 2 * _softmax_spread(a, variance)
            ),
            magnified=lambda a: (
                2.0 * np.abs(a).max(axis=-1, keepdims=True) * one_minus_softmax(a) + a.shape[-1] ** 0.5
            ),
            formula=_log_softmax_formula,
        ),
    )


ACTIVATIONS: Mapping[str, Callable[..., Activation]] = MappingProxyType(
    {
        "identity": _identity,
        "sigmoid": _sigmoid,
        "tanh": _tanh,
        "relu": _relu,
        "leaky_relu": _leaky_relu,
        "elu": _elu,
        "softplus": _softplus,
        "gelu": _gelu,
        "silu": _silu,
        "softmax": _softmax,
    }
)


def activation(name: str, **options: Any) -> Activation:
    """Give the row of an activation, its options filled in (`leaky_relu` has `slope`, `elu` has `alpha`).

    Raises: ValueError naming the known activations when `name` is none of them.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; known are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name](**options)
