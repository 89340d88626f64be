"""The loss at the output, as a textbook derives it: ∂R/∂z of the last layer, and its δ."""

import numpy as np

from benchmarks.buggy_students.desk import Array, Desk, sigmoid, softmax

FUSED = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}  # whose δ is p − y


def scale(desk: Desk, factor: float | None = None) -> Array:
    """What multiplies one term: the loss's factor and its means."""
    risk = desk.problem.risk
    found = desk.number(risk.factor if factor is None else factor)
    if risk.outputs == "mean":
        found = found / desk.number(desk.outputs)
    return found / desk.number(desk.examples) if risk.batch == "mean" else found


def error(desk: Desk, loss: str | None = None, on: str | None = None, factor: float | None = None) -> Array:
    """∂R/∂z of the last layer, penalties apart; under another loss than the declared one where asked."""
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
    """Whether loss and last activation are one function, whose δ is p − y."""
    return on == "probabilities" and desk.activation(desk.last) == FUSED.get(loss)


def delta(desk: Desk, loss: str | None = None, on: str | None = None, factor: float | None = None) -> Array:
    """∂R/∂a of the last layer."""
    loss, on = loss or desk.problem.risk.loss.name, on or desk.problem.risk.on
    if is_fused(desk, loss, on):
        f, y = desk.z[-1], desk.y
        total = y.sum(axis=1, keepdims=True) if loss == "cross_entropy" else desk.number(1.0)
        return (f * total - y) * scale(desk, factor)
    with np.errstate(divide="ignore", invalid="ignore"):
        return desk.through(desk.last, error(desk, loss, on, factor))
