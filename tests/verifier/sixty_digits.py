"""The risk a second time, in mpmath's numbers of 60 digits, and its derivatives: the truth of tests."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from reference_impl import Problem, named
from reference_impl.array import Array

DIGITS = 60
STEP = mpmath.mpf("1e-25")  # the truncation of a central difference is of the order of its square


def _elementwise(function: Callable[[Any], Any]) -> Callable[[list[Any]], list[Any]]:
    return lambda row: [function(x) for x in row]


def _softmax(row: list[Any]) -> list[Any]:
    total = mpmath.fsum(mpmath.exp(x) for x in row)
    return [mpmath.exp(x) / total for x in row]


def _logistic(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


SELU_SCALE, SELU_ALPHA = mpmath.mpf(1.0507009873554805), mpmath.mpf(1.6732632423543772)


def _gelu_tanh(x: Any) -> Any:
    inner = mpmath.mpf(math.sqrt(2 / math.pi)) * (x + mpmath.mpf(0.044715) * x**3)
    return x * (1 + mpmath.tanh(inner)) / 2


G: dict[str, Callable[[list[Any]], list[Any]]] = {
    "identity": _elementwise(lambda x: x),
    "sigmoid": _elementwise(_logistic),
    "tanh": _elementwise(mpmath.tanh),
    "relu": _elementwise(lambda x: x if x > 0 else mpmath.mpf(0)),
    "leaky_relu": _elementwise(lambda x: x if x > 0 else mpmath.mpf(0.01) * x),
    "elu": _elementwise(lambda x: x if x > 0 else mpmath.expm1(x)),
    "softplus": _elementwise(lambda x: mpmath.log(1 + mpmath.exp(x))),
    "gelu": _elementwise(lambda x: x * mpmath.ncdf(x)),
    "silu": _elementwise(lambda x: x * _logistic(x)),
    "selu": _elementwise(lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mpmath.expm1(x))),
    "gelu_tanh": _elementwise(_gelu_tanh),
    "mish": _elementwise(lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x)))),
    "hardtanh": _elementwise(lambda x: min(max(x, mpmath.mpf(-1)), mpmath.mpf(1))),
    "hardswish": _elementwise(lambda x: x * min(max(x + 3, mpmath.mpf(0)), mpmath.mpf(6)) / 6),
    "softsign": _elementwise(lambda x: x / (1 + abs(x))),
    "log_sigmoid": _elementwise(lambda x: -mpmath.log1p(mpmath.exp(-x))),
    "log_softmax": lambda row: [mpmath.log(p) for p in _softmax(row)],
    "softmax": _softmax,
}


def _loss(name: str, on: str, f: list[Any], y: list[Any]) -> Any:
    if name == "mse":
        return mpmath.fsum((p - t) ** 2 for p, t in zip(f, y, strict=True))
    if on == "logits":
        f = G["softmax" if name == "cross_entropy" else "sigmoid"](f)
    terms = [t * mpmath.log(p) for p, t in zip(f, y, strict=True) if t]
    if name == "binary_cross_entropy":
        terms += [(1 - t) * mpmath.log(1 - p) for p, t in zip(f, y, strict=True) if t != 1]
    return -mpmath.fsum(terms)


def _risk(problem: Problem, parameters: dict[str, Any]) -> Any:
    risk, batch = problem.risk, problem.batch
    losses = []
    for n in range(batch.size):
        z = [mpmath.mpf(float(v)) for v in batch.inputs[n]]
        for index, layer in enumerate(problem.network.layers):
            w, b = parameters[f"layers.{index}.weight"], parameters.get(f"layers.{index}.bias")
            a = [mpmath.fsum(z[i] * w[i, j] for i in range(len(z))) for j in range(layer.outputs)]
            a = a if b is None else [x + y for x, y in zip(a, b, strict=True)]
            z = G[layer.activation.name](a)
            if index in batch.masks:
                z = [x * mpmath.mpf(float(m)) for x, m in zip(z, batch.masks[index][n], strict=True)]
        losses.append(_loss(risk.loss.name, risk.on, z, [mpmath.mpf(float(v)) for v in batch.targets[n]]))
    total = mpmath.fsum(losses) * mpmath.mpf(risk.factor)
    total /= batch.targets.shape[1] if risk.outputs == "mean" else 1
    total /= batch.size if risk.batch == "mean" else 1
    for penalty in risk.penalties:
        arrays = [w for name, w in parameters.items() if penalty.biases or name.endswith("weight")]
        norm = mpmath.fsum(x * x if penalty.norm == "l2" else abs(x) for w in arrays for x in w.ravel())
        coefficient = mpmath.mpf(penalty.factor) * mpmath.mpf(penalty.strength)
        total += coefficient * norm / (batch.size if penalty.batch == "mean" else 1)
    return total


def differentiated(problem: Problem) -> dict[str, Array]:
    """Differentiate the risk along every parameter by central differences."""
    with mpmath.workdps(DIGITS):
        to_mpf = np.vectorize(lambda v: mpmath.mpf(float(v)), otypes=[object])
        parameters = {name: to_mpf(array) for name, array in named(problem.parameters)}
        gradients = {}
        for name, array in parameters.items():
            gradient = np.empty(array.shape)
            for index in np.ndindex(array.shape):
                w = array[index]
                array[index] = w + STEP
                above = _risk(problem, parameters)
                array[index] = w - STEP
                below = _risk(problem, parameters)
                array[index] = w
                gradient[index] = float((above - below) / (2 * STEP))
            gradients[name] = gradient
        return gradients
