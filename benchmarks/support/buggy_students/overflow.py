"""Numerically naive formulas, such as exp without a shift, which give NaN for large numbers."""

import numpy as np

from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache, sigmoid
from benchmarks.support.buggy_students.mistake import (
    GradientParts,
    Hints,
    Mistake,
    Requirements,
    Student,
    as_gradient_parts,
)
from benchmarks.support.students import FORMULAS
from reference_impl import Problem

NAIVE = {
    "tanh": lambda a: (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a)),
    "softplus": lambda a: np.log(1 + np.exp(a)),
    "softmax": lambda a: np.exp(a) / np.exp(a).sum(axis=1, keepdims=True),
}


def naive_gradients(problem: Problem, dtype: type) -> tuple[dict[str, Array], int | None]:
    """Return the gradients, and the first layer whose output or δ is not finite (None if all are)."""
    weights = [parameters.weight.astype(dtype) for parameters in problem.parameters]
    z, pre = [problem.batch.inputs.astype(dtype)], []
    first: int | None = None
    layers = problem.network.layers
    for index, layer in enumerate(layers):
        bias = problem.parameters[index].bias
        pre.append(z[-1] @ weights[index] + (dtype(0) if bias is None else bias.astype(dtype)))
        name = layer.activation.name
        value = NAIVE[name](pre[-1]) if name in NAIVE else FORMULAS[name].value(pre[-1])
        if first is None and not np.isfinite(value).all():
            first = index
        z.append(value * problem.batch.masks[index].astype(dtype) if index in problem.batch.masks else value)
    upstream = _error(problem, z[-1])
    gradients: dict[str, Array] = {}
    for index in reversed(range(len(layers))):
        if index in problem.batch.masks:
            upstream = upstream * problem.batch.masks[index].astype(dtype)
        name, value = layers[index].activation.name, z[index + 1]
        if name == "softmax":
            delta = value * (upstream - (upstream * value).sum(axis=1, keepdims=True))
        else:
            delta = upstream * FORMULAS[name].slope(pre[index], value)
        if first is None and not np.isfinite(delta).all():
            first = index
        gradients[f"layers.{index}.weight"] = z[index].T @ delta
        if layers[index].bias:
            gradients[f"layers.{index}.bias"] = delta.sum(axis=0)
        upstream = delta @ weights[index].T
    return gradients, first


def _error(problem: Problem, f: Array) -> Array:
    """Return ∂R/∂z of the last layer, not fused with its activation."""
    risk, y = problem.risk, problem.batch.targets.astype(f.dtype)
    if risk.loss.name == "mse":
        slope = 2 * (f - y)
    elif risk.loss.name == "cross_entropy":
        slope = NAIVE["softmax"](f) - y if risk.on == "logits" else -y / f
    else:
        slope = sigmoid(f) - y if risk.on == "logits" else (f - y) / (f * (1 - f))
    reductions = (y.shape[1] if risk.outputs == "mean" else 1) * (len(y) if risk.batch == "mean" else 1)
    return slope * f.dtype.type(risk.factor / reductions)


def _forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    with np.errstate(all="ignore"):
        _, first = naive_gradients(problem, np.float64)
    if first is None or layer != first:
        return []

    def finish(cache: ForwardCache, parts: GradientParts) -> GradientParts:
        gradients, _ = naive_gradients(problem, cache.dtype.type)
        return as_gradient_parts({name: gradients[name] + parts.penalty[name] for name in parts.data})

    return [Mistake("overflow", "naive formulas", layer, "numbers", finish=finish)]


OVERFLOW = Student("overflow", _forms, Requirements(large_weights=True))
