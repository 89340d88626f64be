"""Student's backward function, and twenty wrong versions with one replaced expression each.

The network has tanh layers and a linear last layer. The loss is R = 1/N Σ ½(y - f)² + ½ λ Σ w², λ = 0.1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
STRENGTH = 0.1
LOSS = {"name": "mse", "l2": {"strength": STRENGTH}}


@dataclass(frozen=True)
class FunctionExpressions:
    """Expressions of the function. f: outputs. y: targets. n: number of examples. d: δ."""

    output: Callable[[Array, Array, int], Array] = lambda f, y, n: (f - y) / n
    down: Callable[[Array, Array], Array] = lambda d, w: d @ w.T
    slope: Callable[[Array, Array], Array] = lambda a, z: 1.0 - z * z
    weight: Callable[[Array, Array, Array], Array] = lambda z, a, d: z.T @ d
    bias: Callable[[Array, Array], Array] = lambda d, z: d.sum(axis=0)
    penalty: Callable[[Array], Array] = lambda w: STRENGTH * w


def backward(pen: FunctionExpressions) -> Callable[[Mapping[str, Array], Array, Array], dict[str, Array]]:
    """Return the function with these expressions."""

    def function(parameters: Mapping[str, Array], inputs: Array, targets: Array) -> dict[str, Array]:
        depth = sum(name.endswith(".weight") for name in parameters)
        a: list[Array] = [inputs]
        z: list[Array] = [inputs]
        for i in range(depth):
            a.append(z[-1] @ parameters[f"layers.{i}.weight"] + parameters[f"layers.{i}.bias"])
            z.append(np.tanh(a[-1]) if i < depth - 1 else a[-1])
        delta = pen.output(z[-1], targets, len(inputs))
        gradients = {}
        for i in reversed(range(depth)):
            w = parameters[f"layers.{i}.weight"]
            gradients[f"layers.{i}.weight"] = pen.weight(z[i], a[i], delta) + pen.penalty(w)
            gradients[f"layers.{i}.bias"] = pen.bias(delta, z[i])
            if i > 0:
                delta = pen.down(delta, w) * pen.slope(a[i], z[i])
        return gradients

    return function


RIGHT = FunctionExpressions()
BUGS: Mapping[str, FunctionExpressions] = MappingProxyType(
    {
        "the mean over examples left out": replace(RIGHT, output=lambda f, y, n: f - y),
        "divided by N twice": replace(RIGHT, output=lambda f, y, n: (f - y) / n**2),
        "the sign": replace(RIGHT, output=lambda f, y, n: (y - f) / n),
        "a 2 from the square": replace(RIGHT, output=lambda f, y, n: 2 * (f - y) / n),
        "the target ignored": replace(RIGHT, output=lambda f, y, n: f / n),
        "the absolute error": replace(RIGHT, output=lambda f, y, n: np.sign(f - y) / n),
        "no derivative": replace(RIGHT, slope=lambda a, z: np.ones_like(z)),
        "the derivative at z": replace(RIGHT, slope=lambda a, z: 1 - np.tanh(z) ** 2),
        "1 + z²": replace(RIGHT, slope=lambda a, z: 1 + z * z),
        "the sigmoid's derivative": replace(RIGHT, slope=lambda a, z: z * (1 - z)),
        "1 - a²": replace(RIGHT, slope=lambda a, z: 1 - a * a),
        "relu on the way down": replace(RIGHT, down=lambda d, w: np.maximum(d @ w.T, 0)),
        "the weights' absolute value": replace(RIGHT, down=lambda d, w: d @ np.abs(w).T),
        "the pre-activation as input": replace(RIGHT, weight=lambda z, a, d: a.T @ d),
        "the input activated again": replace(RIGHT, weight=lambda z, a, d: np.tanh(z).T @ d),
        "the last example alone": replace(RIGHT, weight=lambda z, a, d: z[-1:].T @ d[-1:]),
        "the bias of one example": replace(RIGHT, bias=lambda d, z: d[0]),
        "the bias's mean": replace(RIGHT, bias=lambda d, z: d.mean(axis=0)),
        "one bias for all units": replace(RIGHT, bias=lambda d, z: np.full(d.shape[1], d.sum())),
        "no penalty": replace(RIGHT, penalty=np.zeros_like),
    }
)
