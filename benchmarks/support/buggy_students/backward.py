"""Backpropagation of a student, correct except for the equations that a mistake replaces."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks.support.buggy_students import losses
from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache, forward_cache
from benchmarks.support.buggy_students.mistake import GradientParts, Gradients, Mistake, NextLayer
from reference_impl import Problem


def hidden_delta(cache: ForwardCache, layer: int, above: NextLayer) -> Array:
    return cache.activation_vjp(layer, above.delta @ cache.weights[layer + 1].T)


def weight_gradient(cache: ForwardCache, layer: int, delta: Array) -> Array:
    return cache.z[layer].T @ delta


def bias_gradient(cache: ForwardCache, layer: int, delta: Array) -> Array:
    return delta.sum(axis=0)


def penalty(cache: ForwardCache, layer: int) -> tuple[Array, Array]:
    """Return the gradients of the penalties with respect to weight and bias; zero for a missing bias."""
    weight, bias = np.zeros_like(cache.weights[layer]), np.zeros(cache.a[layer].shape[1], cache.dtype)
    for row in cache.problem.risk.penalties:
        weight = weight + penalty_slope(cache, row, cache.weights[layer])
        if row.biases and cache.biases[layer] is not None:
            bias = bias + penalty_slope(cache, row, cache.biases[layer])
    return weight, bias


def penalty_slope(cache: ForwardCache, row: Any, parameter: Array) -> Array:
    """Return the gradient of one penalty with respect to a parameter."""
    size = cache.examples if row.batch == "mean" else 1
    slope = cache.number(2.0) * parameter if row.norm == "l2" else np.sign(parameter)
    return cache.number(row.factor * row.strength / size) * slope


RIGHT: dict[str, Callable[..., Any]] = {
    "output_delta": losses.delta,
    "hidden_delta": hidden_delta,
    "weight_gradient": weight_gradient,
    "bias_gradient": bias_gradient,
    "penalty": penalty,
}


def student_gradients(
    problem: Problem, mistakes: Iterable[Mistake] = (), dtype: type = np.float64
) -> Gradients:
    """Return the gradients with these mistakes by parameter, in the internal layout and in `dtype`."""
    mistakes = tuple(mistakes)
    replaced: dict[tuple[str, int], Callable[..., Any]] = {}
    for mistake in mistakes:
        replaced |= mistake.replaced
    with np.errstate(all="ignore"):
        cache = forward_cache(problem, dtype)
        parts = _backpropagate(cache, lambda part, layer: replaced.get((part, layer), RIGHT[part]))
        for mistake in mistakes:
            parts = mistake.finish(cache, parts) if mistake.finish else parts
        return parts.total


def _backpropagate(cache: ForwardCache, equation: Callable[[str, int], Callable[..., Any]]) -> GradientParts:
    data: Gradients = {}
    penalties: Gradients = {}
    above: NextLayer | None = None
    for layer in reversed(range(cache.last + 1)):
        if above is None:
            error, delta = losses.error(cache), equation("output_delta", layer)(cache)
        else:
            error = above.delta @ cache.weights[layer + 1].T
            delta = equation("hidden_delta", layer)(cache, layer, above)
        names = [f"layers.{layer}.weight", f"layers.{layer}.bias"][
            : 2 if cache.biases[layer] is not None else 1
        ]
        products = [equation(kind, layer) for kind in ("weight_gradient", "bias_gradient")]
        for name, product, penalty_gradient in zip(
            names, products, equation("penalty", layer)(cache, layer), strict=False
        ):
            data[name], penalties[name] = product(cache, layer, delta), penalty_gradient
        above = NextLayer(delta, error, data[names[0]] + penalties[names[0]])
    order = [name for layer in range(cache.last + 1) for name in data if name.startswith(f"layers.{layer}.")]
    return GradientParts({name: data[name] for name in order}, {name: penalties[name] for name in order})
