"""Softmax as an activation: the one row that acts on a whole layer."""

import numpy as np

from reference_impl.activation import Activation, LogForm
from reference_impl.array import Array
from reference_impl.field import Field
from reference_impl.softmax import (
    log_softmax,
    log_softmax_pull_back,
    one_minus_softmax,
    softmax,
    softmax_pull_back,
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


def softmax_activation() -> Activation:
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
