"""Textbook derivatives of the loss: ∂R/∂z of the last layer, and its δ."""

import numpy as np

from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache, sigmoid, softmax

FUSED = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}  # whose δ is p − y


def scale(cache: ForwardCache, factor: float | None = None) -> Array:
    """Return the factor of one term of the loss, including its means."""
    risk = cache.problem.risk
    total_factor = cache.number(risk.factor if factor is None else factor)
    if risk.outputs == "mean":
        total_factor = total_factor / cache.number(cache.outputs)
    return total_factor / cache.number(cache.examples) if risk.batch == "mean" else total_factor


def error(
    cache: ForwardCache, loss: str | None = None, on: str | None = None, factor: float | None = None
) -> Array:
    """Return ∂R/∂z of the last layer without penalties. loss, on, factor: None for the declared loss."""
    loss, on = loss or cache.problem.risk.loss.name, on or cache.problem.risk.on
    f, y = cache.z[-1], cache.y
    if loss == "mse":
        slope = cache.number(2.0) * (f - y)
    elif loss == "cross_entropy":
        slope = softmax(f) * y.sum(axis=1, keepdims=True) - y if on == "logits" else -y / f
    else:
        slope = sigmoid(f) - y if on == "logits" else (f - y) / (f * (cache.number(1.0) - f))
    return slope * scale(cache, factor)


def is_fused(cache: ForwardCache, loss: str, on: str) -> bool:
    """True if loss and last activation form one function with δ = p − y."""
    return on == "probabilities" and cache.activation(cache.last) == FUSED.get(loss)


def delta(
    cache: ForwardCache, loss: str | None = None, on: str | None = None, factor: float | None = None
) -> Array:
    """Return ∂R/∂a of the last layer."""
    loss, on = loss or cache.problem.risk.loss.name, on or cache.problem.risk.on
    if is_fused(cache, loss, on):
        f, y = cache.z[-1], cache.y
        total = y.sum(axis=1, keepdims=True) if loss == "cross_entropy" else cache.number(1.0)
        return (f * total - y) * scale(cache, factor)
    with np.errstate(divide="ignore", invalid="ignore"):
        return cache.activation_vjp(cache.last, error(cache, loss, on, factor))
