"""Backpropagation of a student, correct except for the equations that a mistake replaces."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks.support.buggy_students import losses
from benchmarks.support.buggy_students.desk import Array, Desk, lay_out
from benchmarks.support.buggy_students.mistake import Above, Gradients, Mistake, Parts
from reference_impl import Problem


def hidden_delta(desk: Desk, layer: int, above: Above) -> Array:
    return desk.through(layer, above.delta @ desk.weights[layer + 1].T)


def weight_gradient(desk: Desk, layer: int, delta: Array) -> Array:
    return desk.z[layer].T @ delta


def bias_gradient(desk: Desk, layer: int, delta: Array) -> Array:
    return delta.sum(axis=0)


def penalty(desk: Desk, layer: int) -> tuple[Array, Array]:
    """Return the gradients of the penalties with respect to weight and bias; zero for a missing bias."""
    weight, bias = np.zeros_like(desk.weights[layer]), np.zeros(desk.a[layer].shape[1], desk.dtype)
    for row in desk.problem.risk.penalties:
        weight = weight + penalty_slope(desk, row, desk.weights[layer])
        if row.biases and desk.biases[layer] is not None:
            bias = bias + penalty_slope(desk, row, desk.biases[layer])
    return weight, bias


def penalty_slope(desk: Desk, row: Any, parameter: Array) -> Array:
    """Return the gradient of one penalty with respect to a parameter."""
    size = desk.examples if row.batch == "mean" else 1
    slope = desk.number(2.0) * parameter if row.norm == "l2" else np.sign(parameter)
    return desk.number(row.factor * row.strength / size) * slope


RIGHT: dict[str, Callable[..., Any]] = {
    "output_delta": losses.delta,
    "hidden_delta": hidden_delta,
    "weight_gradient": weight_gradient,
    "bias_gradient": bias_gradient,
    "penalty": penalty,
}


def hand_in(problem: Problem, mistakes: Iterable[Mistake] = (), dtype: type = np.float64) -> Gradients:
    """Return the gradients with these mistakes by parameter, in the internal layout and in `dtype`."""
    mistakes = tuple(mistakes)
    replaced: dict[tuple[str, int], Callable[..., Any]] = {}
    for mistake in mistakes:
        replaced |= mistake.replaced
    with np.errstate(all="ignore"):
        desk = lay_out(problem, dtype)
        parts = _backpropagate(desk, lambda part, layer: replaced.get((part, layer), RIGHT[part]))
        for mistake in mistakes:
            parts = mistake.finish(desk, parts) if mistake.finish else parts
        return parts.total


def _backpropagate(desk: Desk, equation: Callable[[str, int], Callable[..., Any]]) -> Parts:
    data: Gradients = {}
    penalties: Gradients = {}
    above: Above | None = None
    for layer in reversed(range(desk.last + 1)):
        if above is None:
            error, delta = losses.error(desk), equation("output_delta", layer)(desk)
        else:
            error = above.delta @ desk.weights[layer + 1].T
            delta = equation("hidden_delta", layer)(desk, layer, above)
        names = [f"layers.{layer}.weight", f"layers.{layer}.bias"][
            : 2 if desk.biases[layer] is not None else 1
        ]
        products = [equation(kind, layer) for kind in ("weight_gradient", "bias_gradient")]
        for name, product, penalty_gradient in zip(
            names, products, equation("penalty", layer)(desk, layer), strict=False
        ):
            data[name], penalties[name] = product(desk, layer, delta), penalty_gradient
        above = Above(delta, error, data[names[0]] + penalties[names[0]])
    order = [name for layer in range(desk.last + 1) for name in data if name.startswith(f"layers.{layer}.")]
    return Parts({name: data[name] for name in order}, {name: penalties[name] for name in order})
