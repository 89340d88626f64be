"""The student's recursion: right in every part that no mistake replaces."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks.buggy_students import losses
from benchmarks.buggy_students.desk import Array, Desk, lay_out
from benchmarks.buggy_students.mistake import Above, Gradients, Mistake, Parts
from reference_impl import Problem


def hidden_delta(desk: Desk, layer: int, above: Above) -> Array:
    return desk.through(layer, above.delta @ desk.weights[layer + 1].T)


def weight_gradient(desk: Desk, layer: int, delta: Array) -> Array:
    return desk.z[layer].T @ delta


def bias_gradient(desk: Desk, layer: int, delta: Array) -> Array:
    return delta.sum(axis=0)


def penalty(desk: Desk, layer: int) -> tuple[Array, Array]:
    """What the penalties add to the layer's weight and bias (a zero where it has none)."""
    weight, bias = np.zeros_like(desk.weights[layer]), np.zeros(desk.a[layer].shape[1], desk.dtype)
    for own in desk.problem.risk.penalties:
        weight = weight + penalty_slope(desk, own, desk.weights[layer])
        if own.biases and desk.biases[layer] is not None:
            bias = bias + penalty_slope(desk, own, desk.biases[layer])
    return weight, bias


def penalty_slope(desk: Desk, own: Any, parameter: Array) -> Array:
    size = desk.examples if own.batch == "mean" else 1
    slope = desk.number(2.0) * parameter if own.norm == "l2" else np.sign(parameter)
    return desk.number(own.factor * own.strength / size) * slope


RIGHT: dict[str, Callable[..., Any]] = {
    "output_delta": losses.delta,
    "hidden_delta": hidden_delta,
    "weight_gradient": weight_gradient,
    "bias_gradient": bias_gradient,
    "penalty": penalty,
}


def hand_in(problem: Problem, mistakes: Iterable[Mistake] = (), dtype: type = np.float64) -> Gradients:
    """Give the gradients by parameter, in the internal layout and in `dtype`, with these mistakes."""
    mistakes = tuple(mistakes)
    replaced: dict[tuple[str, int], Callable[..., Any]] = {}
    for mistake in mistakes:
        replaced |= mistake.replaced
    with np.errstate(all="ignore"):
        desk = lay_out(problem, dtype)
        parts = _recursion(desk, lambda part, layer: replaced.get((part, layer), RIGHT[part]))
        for mistake in mistakes:
            parts = mistake.finish(desk, parts) if mistake.finish else parts
        return parts.total


def _recursion(desk: Desk, part: Callable[[str, int], Callable[..., Any]]) -> Parts:
    data: Gradients = {}
    penalties: Gradients = {}
    above: Above | None = None
    for layer in reversed(range(desk.last + 1)):
        if above is None:
            error, delta = losses.error(desk), part("output_delta", layer)(desk)
        else:
            error = above.delta @ desk.weights[layer + 1].T
            delta = part("hidden_delta", layer)(desk, layer, above)
        names = [f"layers.{layer}.weight", f"layers.{layer}.bias"][
            : 2 if desk.biases[layer] is not None else 1
        ]
        products = [part(kind, layer) for kind in ("weight_gradient", "bias_gradient")]
        for name, product, added in zip(names, products, part("penalty", layer)(desk, layer), strict=False):
            data[name], penalties[name] = product(desk, layer, delta), added
        above = Above(delta, error, data[names[0]] + penalties[names[0]])
    order = [name for layer in range(desk.last + 1) for name in data if name.startswith(f"layers.{layer}.")]
    return Parts({name: data[name] for name in order}, {name: penalties[name] for name in order})
