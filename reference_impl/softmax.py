"""Softmax over the last axis, its logarithm and their vector-Jacobian products.

None of them overflows, and none loses its digits to cancellation.
"""

import numpy as np

from reference_impl.array import Array, row_sums


def softmax(a: Array) -> Array:
    """Return exp(a_k) / Σⱼ exp(a_j) along each row."""
    exponentials = np.exp(a - a.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def log_softmax(a: Array) -> Array:
    """Return a_k − log Σⱼ exp(a_j) along each row, finite for finite logits of any size."""
    shifted, exponentials, top = _shifted(a)
    shifted.put(top, 0.0)  # also where the maximum is infinite
    exponentials.put(top, 0.0)
    shifted -= np.log1p(row_sums(exponentials)[..., None])
    return shifted


def one_minus_softmax(a: Array) -> Array:
    """Return 1 − softmax(a) with full relative accuracy, also where softmax rounds to 1."""
    return softmax_and_complement(a)[1]


def softmax_and_complement(a: Array) -> tuple[Array, Array]:
    """Return softmax(a) and 1 − softmax(a), the latter with full relative accuracy."""
    _, exponentials, top = _shifted(a)
    total = row_sums(exponentials)[..., None]
    probabilities = exponentials / total
    exponentials.put(top, 0.0)
    complement = 1.0 - probabilities
    complement.put(top, row_sums(exponentials)[..., None] / total)
    return probabilities, complement


def softmax_vjp(a: Array, upstream: Array) -> Array:
    """Return p_k (u_k − Σⱼ u_j p_j), the transposed Jacobian of softmax times `upstream`, row by row."""
    p = softmax(a)
    # u_k − Σ u_j p_j = Σ (u_k − u_j) p_j: subtracting the likeliest unit's u first keeps the digits
    # that a saturated row would lose.
    relative = upstream - np.take_along_axis(upstream, a.argmax(axis=-1)[..., None], axis=-1)
    return np.asarray(p * (relative - (relative * p).sum(axis=-1, keepdims=True)))


def log_softmax_vjp(a: Array, upstream: Array) -> Array:
    """Return u_k − p_k Σⱼ u_j, written u_k (1 − p_k) − p_k Σ_{j≠k} u_j so that nothing cancels."""
    p, complement = softmax_and_complement(a)
    return np.asarray(upstream * complement - p * (upstream.sum(axis=-1, keepdims=True) - upstream))


def _shifted(a: Array) -> tuple[Array, Array, Array]:
    """Return a − max(a), its exponentials, and the flat index of each row's first maximum."""
    top = np.arange(0, a.size, a.shape[-1]) + a.argmax(axis=-1).ravel()
    shifted = a - a.take(top).reshape(*a.shape[:-1], 1)
    return shifted, np.exp(shifted), top
