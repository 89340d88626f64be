"""Softmax over the last axis, its logarithm and its derivatives, without overflow or cancellation."""

import numpy as np

from reference_impl.array import Array, row_sums


def softmax(a: Array) -> Array:
    """Give exp(a_k) / Σⱼ exp(a_j) along each row."""
    exponentials = np.exp(a - a.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def log_softmax(a: Array) -> Array:
    """Give a_k − log Σⱼ exp(a_j) along each row, finite for logits of any finite size."""
    shifted, _, others = _shifted(a)
    return np.asarray(shifted - np.log1p(others))


def one_minus_softmax(a: Array) -> Array:
    """Give 1 − softmax(a) to full relative accuracy, also where softmax rounds to 1."""
    shifted, top, others = _shifted(a)
    largest = np.arange(a.shape[-1]) == top[..., None]
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
    """Give a − max(a), 0 at the (first) maximum; the unit where that is; the sum of other exponentials."""
    top = a.argmax(axis=-1)
    rows, units = np.arange(top.size), top.ravel()
    flat = a.reshape(-1, a.shape[-1])
    shifted = flat - flat[rows, units][:, None]
    shifted[rows, units] = 0.0  # also where the maximum is infinite
    exponentials = np.exp(shifted)
    exponentials[rows, units] = 0.0
    return shifted.reshape(a.shape), top, row_sums(exponentials).reshape(*top.shape, 1)
