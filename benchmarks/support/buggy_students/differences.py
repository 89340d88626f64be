"""Finite differences of the loss with respect to one weight at a time, as in a student's debugging code."""

import numpy as np

from benchmarks.support.buggy_students.forward_cache import Array, sigmoid
from benchmarks.support.students import FORMULAS
from reference_impl import Problem, named


def loss(problem: Problem, parameters: dict[str, Array]) -> float:
    """Return R by the textbook formula."""
    z, a, risk, y = problem.batch.inputs, problem.batch.inputs, problem.risk, problem.batch.targets
    for index, layer in enumerate(problem.network.layers):
        a = z @ parameters[f"layers.{index}.weight"] + parameters.get(f"layers.{index}.bias", 0.0)
        z = (
            np.exp(_log_softmax(a))
            if layer.activation.name == "softmax"
            else FORMULAS[layer.activation.name].value(a)
        )
        z = z * problem.batch.masks.get(index, 1.0)
    if risk.loss.name == "mse":
        terms = np.square(z - y)
    elif risk.loss.name == "cross_entropy":
        terms = -y * (_log_softmax(z) if risk.on == "logits" else np.log(z))
    else:
        p = sigmoid(z) if risk.on == "logits" else z
        terms = -y * np.log(p) - (1 - y) * np.log(1 - p)
    total = risk.factor * terms.sum() / (y.shape[1] if risk.outputs == "mean" else 1)
    total = total / (len(y) if risk.batch == "mean" else 1)
    for penalty in risk.penalties:
        measure = np.square if penalty.norm == "l2" else np.abs
        penalized = [w for name, w in parameters.items() if penalty.biases or name.endswith("weight")]
        size = len(y) if penalty.batch == "mean" else 1
        total += penalty.factor * penalty.strength / size * sum(measure(w).sum() for w in penalized)
    return float(total)


def _log_softmax(a: Array) -> Array:
    shifted = a - a.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def numerical_gradient(problem: Problem, step: float, central: bool) -> dict[str, Array]:
    parameters = {name: array.copy() for name, array in named(problem.parameters)}
    loss_here, gradients = loss(problem, parameters), {}
    for name, array in parameters.items():
        slopes = np.empty_like(array)
        for index in np.ndindex(array.shape):
            value = array[index]
            array[index] = value + step
            loss_above = loss(problem, parameters)
            array[index] = value - step
            loss_below = loss(problem, parameters) if central else loss_here
            array[index] = value
            slopes[index] = (loss_above - loss_below) / (2 * step if central else step)
        gradients[name] = slopes
    return gradients
