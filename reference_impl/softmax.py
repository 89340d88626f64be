"""Softmax over the last axis, its logarithm and its derivatives, without overflow or cancellation."""

import numpy as np

from reference_impl.array import Array


def softmax(a: Array) -> Array:
    """Give exp(a_k) / Σⱼ exp(a_j) along each row."""
    exponentials = np.exp(a - a.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def log_softmax(a: Array) -> Array:
    """Give a_k − log Σⱼ exp(a_j) along each row, finite for logits of any finite size."""
    shifted, largest, others = _shifted(a)
    total = np.where(largest, 0.0, shifted) - np.log1p(others)
    return np.asarray(total)


def one_minus_softmax(a: Array) -> Array:
    """Give 1 − softmax(a) to full relative accuracy, also where softmax rounds to 1."""
    shifted, largest, others = _shifted(a)
    probabilities = np.exp(shifted) / (1.0 + others)
    return np.where(largest, others / (1.0 + others), 1.0 - probabilities)


def softmax_pull_back(a: Array, upstream: Array) -> Array:
    """Give δ_k = p_k (u_k − Σⱼ u_j p_j), the Jacobian's transpose applied to `upstream` along each row."""
    p = softmax(a)
    # u_k − Σ u_j p_j = Σ (u_k − u_j) p_j: subtracting the likeliest unit's u first keeps the digits
    # that a saturated row would lose.
    relative = upstream - np.take_along_axis(upstream, a.argmax(axis=-1)[..., None], axis=-1)
    return np.asarray(p * (relative - (relative * p).sum(axis=-1, keepdims=True)))


def log_softmax_pull_back(a: Array, upstream: Array) -> Array:
    """Give δ_k = u_k − p_k Σⱼ u_j, written u_k (1 − p_k) − p_k Σ_{j≠k} u_j so that nothing cancels."""
    return np.asarray(
        upstream * one_minus_softmax(a) - softmax(a) * (upstream.sum(axis=-1, keepdims=True) - upstream)
    )


def _shifted(a: Array) -> tuple[Array, Array, Array]:
    """Give a − max(a), where the (first) maximum stands, and the sum of all other exponentials."""
    shifted = a - a.max(axis=-1, keepdims=True)
    largest = np.arange(a.shape[-1]) == a.argmax(axis=-1)[..., None]
    others = np.where(largest, 0.0, np.exp(shifted)).sum(axis=-1, keepdims=True)
    return shifted, largest, others
