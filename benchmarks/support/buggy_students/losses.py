"""Textbook derivatives of the loss: ∂R/∂z of the last layer, and its δ."""

import numpy as np

from benchmarks.support.buggy_students.desk import Array, Desk, sigmoid, softmax

FUSED = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}  # whose δ is p − y


def scale(desk: Desk, factor: float | None = None) -> Array:
    """Return the factor of one term of the loss, including its means."""
    risk = desk.problem.risk
    total_factor = desk.number(risk.factor if factor is None else factor)
    if risk.outputs == "mean":
        total_factor = total_factor / desk.number(desk.outputs)
    return total_factor / desk.number(desk.examples) if risk.batch == "mean" else total_factor


def error(desk: Desk, loss: str | None = None, on: str | None = None, factor: float | None = None) -> Array:
    """Return ∂R/∂z of the last layer without penalties. loss, on, factor: None for the declared loss."""
    loss, on = loss or desk.problem.risk.loss.name, on or desk.problem.risk.on
    f, y = desk.z[-1], desk.y
    if loss == "mse":
        slope = desk.number(2.0) * (f - y)
    elif loss == "cross_entropy":
        slope = softmax(f) * y.sum(axis=1, keepdims=True) - y if on == "logits" else -y / f
    else:
        slope = sigmoid(f) - y if on == "logits" else (f - y) / (f * (desk.number(1.0) - f))
    return slope * scale(desk, factor)


def is_fused(desk: Desk, loss: str, on: str) -> bool:
    """True if loss and last activation form one function with δ = p − y."""
    return on == "probabilities" and desk.activation(desk.last) == FUSED.get(loss)


def delta(desk: Desk, loss: str | None = None, on: str | None = None, factor: float | None = None) -> Array:
    """Return ∂R/∂a of the last layer."""
    loss, on = loss or desk.problem.risk.loss.name, on or desk.problem.risk.on
    if is_fused(desk, loss, on):
        f, y = desk.z[-1], desk.y
        total = y.sum(axis=1, keepdims=True) if loss == "cross_entropy" else desk.number(1.0)
        return (f * total - y) * scale(desk, factor)
    with np.errstate(divide="ignore", invalid="ignore"):
        return desk.through(desk.last, error(desk, loss, on, factor))
