"""Correct backward passes in any precision and order of summation.

The reference implementation is not used: activations and derivatives are textbook formulas, computed in the
given format.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, pi, sqrt

import ml_dtypes
import numpy as np

from reference_impl import Problem, named

Array = np.ndarray
Matmul = Callable[[Array, Array], Array]

DTYPES = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}
_ERF = np.frompyfunc(erf, 1, 1)


def _erf(x: Array) -> Array:
    return _ERF(x.astype(np.float64)).astype(x.dtype)


ORDERS = ("blas", "sequential", "reversed", "permuted", "pairwise", "blocked", "fused")
_BLOCK = 32  # terms per block of a blocked product


def sum_in_order(order: str, rng: np.random.Generator) -> Matmul:
    """Return a matrix product that sums in one of `ORDERS` and rounds every sum to the operands' format."""
    if order == "blas":
        return lambda a, b: (a @ b).astype(a.dtype)
    if order == "pairwise":
        return lambda a, b: _pairwise(a, b, np.arange(a.shape[1]))
    if order == "fused":
        return _fused

    def matmul(a: Array, b: Array) -> Array:
        terms = np.arange(a.shape[1])
        if order == "reversed":
            terms = terms[::-1]
        elif order == "permuted":
            terms = rng.permutation(terms)
        if order != "blocked":
            return _sequential(a, b, terms)
        blocks = [_sequential(a, b, terms[i : i + _BLOCK]) for i in range(0, len(terms), _BLOCK)]
        total = np.zeros((a.shape[0], b.shape[1]), dtype=a.dtype)
        for block in blocks:
            total = total + block
        return total

    return matmul


def _sequential(a: Array, b: Array, terms: Array) -> Array:
    total = np.zeros((a.shape[0], b.shape[1]), dtype=a.dtype)
    for k in terms:
        total = total + a[:, k : k + 1] * b[k : k + 1, :]
    return total


def _pairwise(a: Array, b: Array, terms: Array) -> Array:
    if len(terms) <= 2:
        return _sequential(a, b, terms)
    half = len(terms) // 2
    return _pairwise(a, b, terms[:half]) + _pairwise(a, b, terms[half:])


def _fused(a: Array, b: Array) -> Array:
    """Multiply and add with one rounding; products of narrow formats are exact in float64."""
    total = np.zeros((a.shape[0], b.shape[1]), dtype=a.dtype)
    for k in range(a.shape[1]):
        term = a[:, k : k + 1].astype(np.float64) * b[k : k + 1, :].astype(np.float64)
        total = (total.astype(np.float64) + term).astype(a.dtype)
    return total


@dataclass(frozen=True)
class ActivationFormulas:
    """Textbook formulas of an activation: g(a), and g′ as a function of (a, z)."""

    value: Callable[..., Array]
    slope: Callable[..., Array]


def _half(a: Array) -> Array:
    return a.dtype.type(0.5)


def _phi(a: Array) -> Array:
    return np.exp(-_half(a) * a * a) * a.dtype.type(1 / sqrt(2 * pi))


def _normal(a: Array) -> Array:
    return _half(a) * (1 + _erf(a * a.dtype.type(sqrt(0.5))))


def _sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


FORMULAS = {
    "identity": ActivationFormulas(lambda a: a, lambda a, z: np.ones_like(a)),
    "sigmoid": ActivationFormulas(_sigmoid, lambda a, z: z * (1 - z)),
    "tanh": ActivationFormulas(np.tanh, lambda a, z: 1 - z * z),
    "relu": ActivationFormulas(lambda a: np.maximum(a, 0), lambda a, z: (a > 0).astype(a.dtype)),
    "leaky_relu": ActivationFormulas(
        lambda a: np.where(a > 0, a, a.dtype.type(0.01) * a),
        lambda a, z: np.where(a > 0, a.dtype.type(1), a.dtype.type(0.01)),
    ),
    "elu": ActivationFormulas(
        lambda a: np.where(a > 0, a, np.exp(np.minimum(a, 0)) - 1),
        lambda a, z: np.where(a > 0, a.dtype.type(1), z + 1),
    ),
    "softplus": ActivationFormulas(lambda a: np.logaddexp(a, a.dtype.type(0)), lambda a, z: _sigmoid(a)),
    "gelu": ActivationFormulas(lambda a: a * _normal(a), lambda a, z: _normal(a) + a * _phi(a)),
    "silu": ActivationFormulas(lambda a: a * _sigmoid(a), lambda a, z: z + _sigmoid(a) * (1 - z)),
}


def _softmax(a: Array) -> Array:
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def numpy_student(
    problem: Problem, precision: str, order: str, rng: np.random.Generator, *, scale_last: bool = False
) -> dict[str, Array]:
    """Return the gradients in the internal layout, computed in one precision.

    scale_last: divide by the batch size after the sum over the examples.
    """
    matmul, dtype = sum_in_order(order, rng), DTYPES[precision]
    weights = [layer.weight.astype(dtype) for layer in problem.parameters]
    biases = [None if layer.bias is None else layer.bias.astype(dtype) for layer in problem.parameters]
    batch, risk = problem.batch, problem.risk
    zs, pre = [batch.inputs.astype(dtype)], []
    for layer, w, b in zip(problem.network.layers, weights, biases, strict=True):
        a = matmul(zs[-1], w)
        a = a if b is None else a + b
        name = layer.activation.name
        pre.append(a)
        zs.append(_softmax(a) if name == "softmax" else FORMULAS[name].value(a))
    f, y = zs[-1], batch.targets.astype(dtype)
    scale = dtype(risk.factor)
    if risk.outputs == "mean":
        scale = scale / dtype(y.shape[1])
    if risk.batch == "mean":
        scale = scale / dtype(batch.size)
    last = problem.network.layers[-1].activation.name
    if risk.loss.name == "mse":
        delta = _through(last, pre[-1], f, dtype(2) * (f - y))
    elif risk.on == "logits":
        p = _softmax(f) * y.sum(axis=1, keepdims=True) if risk.loss.name == "cross_entropy" else _sigmoid(f)
        delta = _through(last, pre[-1], f, p - y)
    else:
        delta = f * y.sum(axis=1, keepdims=True) - y if risk.loss.name == "cross_entropy" else f - y
    if not scale_last:
        delta = delta * scale
    gradients: dict[str, Array] = {}
    for index in reversed(range(len(weights))):
        if index < len(weights) - 1:
            name = problem.network.layers[index].activation.name
            delta = _through(name, pre[index], zs[index + 1], matmul(delta, weights[index + 1].T))
        gradient = matmul(zs[index].T, delta)
        gradient = gradient * scale if scale_last else gradient
        for penalty in risk.penalties:
            size = batch.size if penalty.batch == "mean" else 1
            c = dtype(penalty.factor * penalty.strength / size)
            w = weights[index]
            gradient = gradient + c * (dtype(2) * w if penalty.norm == "l2" else np.sign(w))
        gradients[f"layers.{index}.weight"] = gradient
        if biases[index] is not None:
            bias = matmul(np.ones((1, batch.size), dtype), delta)[0]
            gradients[f"layers.{index}.bias"] = bias * scale if scale_last else bias
    return gradients


def _through(name: str, a: Array, z: Array, upstream: Array) -> Array:
    if name == "softmax":
        return z * (upstream - (upstream * z).sum(axis=1, keepdims=True))
    return upstream * FORMULAS[name].slope(a, z)


def torch_student(problem: Problem, dtype_name: str) -> dict[str, Array]:
    """Return the gradients by PyTorch's autograd in the given precision; penalties are not supported."""
    import torch

    dtype = getattr(torch, dtype_name)
    tensors = {n: torch.tensor(x.copy()).to(dtype).requires_grad_() for n, x in named(problem.parameters)}
    z = torch.tensor(problem.batch.inputs.copy()).to(dtype)
    y = torch.tensor(problem.batch.targets.copy()).to(dtype)
    functional = torch.nn.functional
    activations = {
        "identity": lambda a: a,
        "softmax": lambda a: torch.softmax(a, -1),
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }
    a = z
    for index, layer in enumerate(problem.network.layers):
        a = z @ tensors[f"layers.{index}.weight"]
        bias = tensors.get(f"layers.{index}.bias")
        a = a if bias is None else a + bias
        name = layer.activation.name
        z = activations[name](a) if name in activations else getattr(functional, name)(a)
    risk = problem.risk
    if risk.loss.name == "mse":
        terms = functional.mse_loss(z, y, reduction="none")
    elif risk.loss.name == "cross_entropy":
        f = z if risk.on == "logits" else a
        terms = functional.cross_entropy(f, y, reduction="none")[:, None]
    else:
        f = z if risk.on == "logits" else a
        terms = functional.binary_cross_entropy_with_logits(f, y, reduction="none")
    rows = terms.mean(-1) if risk.outputs == "mean" else terms.sum(-1)
    (risk.factor * (rows.mean() if risk.batch == "mean" else rows.sum())).backward()
    return {n: t.grad.double().numpy() for n, t in tensors.items()}
