"""Rounding errors and variances of softmax and log softmax, which act on whole rows."""

import numpy as np

from reference_impl.activations import Activation
from reference_impl.array import Array
from reference_impl.softmax import log_softmax, one_minus_softmax, softmax
from verifier.engine.functions.properties import NumericalProperties


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


def softmax_properties(function: Activation) -> NumericalProperties:
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


def log_softmax_properties(function: Activation) -> NumericalProperties:
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
