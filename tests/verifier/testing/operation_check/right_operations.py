"""Every operation of the table as a student would write it, in numpy, the derivative by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import erf

Array = np.ndarray[Any, Any]


def summed_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Add up the copies that broadcasting made."""
    while gradient.ndim > len(shape):
        gradient = gradient.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1 != gradient.shape[axis]:
            gradient = gradient.sum(axis=axis, keepdims=True)
    return gradient


class NumpyBinary:
    def forward(self, a: Array, b: Array) -> Array:
        self.a, self.b = a, b
        return self.value(a, b)

    def backward(self, output_grad: Array) -> tuple[Array, Array]:
        of_a, of_b = self.slopes(output_grad)
        return summed_to(of_a, self.a.shape), summed_to(of_b, self.b.shape)


class NumpyAdd(NumpyBinary):
    def value(self, a: Array, b: Array) -> Array:
        return a + b

    def slopes(self, g: Array) -> tuple[Array, Array]:
        return g, g


class NumpySubtract(NumpyBinary):
    def value(self, a: Array, b: Array) -> Array:
        return a - b

    def slopes(self, g: Array) -> tuple[Array, Array]:
        return g, -g


class NumpyMultiply(NumpyBinary):
    def value(self, a: Array, b: Array) -> Array:
        return a * b

    def slopes(self, g: Array) -> tuple[Array, Array]:
        return g * self.b, g * self.a


class NumpyDivide(NumpyBinary):
    def value(self, a: Array, b: Array) -> Array:
        return a / b

    def slopes(self, g: Array) -> tuple[Array, Array]:
        return g / self.b, -g * self.a / self.b**2


class NumpyMatmul:
    """Of vectors, matrices and stacks, as `@`."""

    def forward(self, a: Array, b: Array) -> Array:
        self.a, self.b = a, b
        return np.asarray(a @ b)

    def backward(self, output_grad: Array) -> tuple[Array, Array]:
        a = self.a[np.newaxis, :] if self.a.ndim == 1 else self.a
        b = self.b[:, np.newaxis] if self.b.ndim == 1 else self.b
        g = output_grad
        if self.b.ndim == 1:
            g = g[..., np.newaxis]
        if self.a.ndim == 1:
            g = g[..., np.newaxis, :]
        of_a = summed_to(g @ b.swapaxes(-1, -2), a.shape)
        of_b = summed_to(a.swapaxes(-1, -2) @ g, b.shape)
        return of_a.reshape(self.a.shape), of_b.reshape(self.b.shape)


class NumpyUnary:
    """An entry by entry function; its slope from its operand."""

    def forward(self, x: Array) -> Array:
        self.x = x
        return self.value(x)

    def backward(self, output_grad: Array) -> Array:
        return output_grad * self.slope(self.x)


def unary(name: str, value: Any, slope: Any) -> Any:
    return type(name, (NumpyUnary,), {"value": lambda self, x: value(x), "slope": lambda self, x: slope(x)})


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


Negate = unary("Negate", lambda x: -x, lambda x: -np.ones_like(x))
Exp = unary("Exp", np.exp, np.exp)
Log = unary("Log", np.log, lambda x: 1 / x)
Sqrt = unary("Sqrt", np.sqrt, lambda x: 0.5 / np.sqrt(x))
Absolute = unary("Absolute", np.abs, np.sign)
Identity = unary("Identity", lambda x: x, np.ones_like)
Sigmoid = unary("Sigmoid", sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x)))
Tanh = unary("Tanh", np.tanh, lambda x: 1 - np.tanh(x) ** 2)
Relu = unary("Relu", lambda x: np.maximum(0, x), lambda x: (x > 0).astype(float))
LeakyRelu = unary("LeakyRelu", lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1.0, 0.01))
Elu = unary("Elu", lambda x: np.where(x > 0, x, np.exp(x) - 1), lambda x: np.where(x > 0, 1.0, np.exp(x)))
Softplus = unary("Softplus", lambda x: np.log1p(np.exp(x)), sigmoid)
Silu = unary("Silu", lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))))
Gelu = unary(
    "Gelu",
    lambda x: x * 0.5 * (1 + erf(x / np.sqrt(2))),
    lambda x: 0.5 * (1 + erf(x / np.sqrt(2))) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi),
)


class NumpyPower:
    def __init__(self, exponent: float) -> None:
        self.exponent = exponent

    def forward(self, x: Array) -> Array:
        self.x = x
        return x**self.exponent

    def backward(self, output_grad: Array) -> Array:
        return output_grad * self.exponent * self.x ** (self.exponent - 1)


class NumpySoftmax:
    def forward(self, x: Array) -> Array:
        e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
        self.p = e / e.sum(axis=-1, keepdims=True)
        return self.p

    def backward(self, output_grad: Array) -> Array:
        inner = (output_grad * self.p).sum(axis=-1, keepdims=True)
        return self.p * (output_grad - inner)


class NumpyLogSoftmax:
    def forward(self, x: Array) -> Array:
        moved = x - x.max(axis=-1, keepdims=True, initial=-np.inf)
        value = moved - np.log(np.exp(moved).sum(axis=-1, keepdims=True))
        self.p = np.exp(value)
        return value

    def backward(self, output_grad: Array) -> Array:
        return output_grad - self.p * output_grad.sum(axis=-1, keepdims=True)


class NumpyTranspose:
    def forward(self, x: Array) -> Array:
        return np.transpose(x)

    def backward(self, output_grad: Array) -> Array:
        return np.transpose(output_grad)


class NumpyReshape:
    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = shape

    def forward(self, x: Array) -> Array:
        self.old = x.shape
        return x.reshape(self.shape)

    def backward(self, output_grad: Array) -> Array:
        return output_grad.reshape(self.old)


class NumpyConcatenate:
    def __init__(self, axis: int = 0) -> None:
        self.axis = axis

    def forward(self, *parts: Array) -> Array:
        self.ends = np.cumsum([part.shape[self.axis] for part in parts])[:-1]
        return np.concatenate(parts, axis=self.axis)

    def backward(self, output_grad: Array) -> list[Array]:
        return np.split(output_grad, self.ends, axis=self.axis)


class NumpySlice:
    """Every second row from the first on."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x[0::2]

    def backward(self, output_grad: Array) -> Array:
        gradient = np.zeros(self.shape)
        gradient[0::2] = output_grad
        return gradient


class NumpyReduction:
    def __init__(self, axis: int | None = None, keepdims: bool = False) -> None:
        self.axis, self.keepdims = axis, keepdims

    def broadcast_back(self, value: Array) -> Array:
        """Copy what was reduced to where it came from."""
        if self.axis is not None and not self.keepdims:
            value = np.expand_dims(value, self.axis)
        return np.broadcast_to(value, self.x.shape)


class NumpySum(NumpyReduction):
    def forward(self, x: Array) -> Array:
        self.x = x
        return x.sum(axis=self.axis, keepdims=self.keepdims)

    def backward(self, output_grad: Array) -> Array:
        return self.broadcast_back(output_grad).copy()


class NumpyMean(NumpyReduction):
    def forward(self, x: Array) -> Array:
        self.x = x
        return x.mean(axis=self.axis, keepdims=self.keepdims)

    def backward(self, output_grad: Array) -> Array:
        count = self.x.size if self.axis is None else self.x.shape[self.axis]
        return self.broadcast_back(output_grad) / count


class NumpyMax(NumpyReduction):
    def forward(self, x: Array) -> Array:
        self.x = x
        self.value = x.max(axis=self.axis, keepdims=self.keepdims)
        return self.value

    def backward(self, output_grad: Array) -> Array:
        largest = self.x == self.broadcast_back(self.value)
        shares = largest / largest.sum(axis=self.axis, keepdims=True)
        return shares * self.broadcast_back(output_grad)


class NumpyEmbedding:
    def forward(self, table: Array, places: Array) -> Array:
        self.table, self.places = table, places
        return table[places]

    def backward(self, output_grad: Array) -> tuple[Array, None]:
        gradient = np.zeros_like(self.table)
        np.add.at(gradient, self.places, output_grad)
        return gradient, None


class NumpyMse:
    """A half of the squares, summed over outputs, the mean over examples."""

    def forward(self, outputs: Array, targets: Array) -> Array:
        self.difference = outputs - targets
        return 0.5 * (self.difference**2).sum() / len(outputs)

    def backward(self, output_grad: Array) -> tuple[Array, Array]:
        gradient = output_grad * self.difference / len(self.difference)
        return gradient, -gradient


class NumpyCrossEntropy:
    """On logits; targets are classes or rows."""

    def forward(self, logits: Array, targets: Array) -> Array:
        self.targets = targets if targets.ndim == 2 else np.eye(logits.shape[1])[targets]
        moved = logits - logits.max(axis=1, keepdims=True)
        log_p = moved - np.log(np.exp(moved).sum(axis=1, keepdims=True))
        self.p = np.exp(log_p)
        return -(self.targets * log_p).sum() / len(logits)

    def backward(self, output_grad: Array) -> Array:
        mass = self.targets.sum(axis=1, keepdims=True)
        return output_grad * (self.p * mass - self.targets) / len(self.p)


class NumpyBinaryCrossEntropy:
    """On logits, summed over outputs, the mean over examples."""

    def forward(self, logits: Array, targets: Array) -> Array:
        self.p, self.targets = sigmoid(logits), targets
        terms = targets * np.log1p(np.exp(-logits)) + (1 - targets) * np.log1p(np.exp(logits))
        return terms.sum() / len(logits)

    def backward(self, output_grad: Array) -> Array:
        return output_grad * (self.p - self.targets) / len(self.p)


# by the row's name: the operation, its options
RIGHT: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    "add": [(NumpyAdd, {})],
    "subtract": [(NumpySubtract, {})],
    "multiply": [(NumpyMultiply, {})],
    "divide": [(NumpyDivide, {})],
    "negate": [(Negate, {})],
    "matmul": [(NumpyMatmul, {})],
    "transpose": [(NumpyTranspose, {})],
    "reshape": [(NumpyReshape, {"shape": [3, 2]}), (NumpyReshape, {"shape": [2, -1]})],
    "concatenate": [(NumpyConcatenate, {}), (NumpyConcatenate, {"axis": 1})],
    "slice": [(NumpySlice, {"index": [[0, None, 2]]})],
    "sum": [(NumpySum, {}), (NumpySum, {"axis": 0}), (NumpySum, {"axis": -1, "keepdims": True})],
    "mean": [(NumpyMean, {}), (NumpyMean, {"axis": 0})],
    "max": [(NumpyMax, {}), (NumpyMax, {"axis": -1})],
    "exp": [(Exp, {})],
    "log": [(Log, {})],
    "sqrt": [(Sqrt, {})],
    "absolute": [(Absolute, {})],
    "power": [(NumpyPower, {"exponent": 3}), (NumpyPower, {"exponent": -1}), (NumpyPower, {"exponent": 0.5})],
    "identity": [(Identity, {})],
    "sigmoid": [(Sigmoid, {})],
    "tanh": [(Tanh, {})],
    "relu": [(Relu, {})],
    "leaky_relu": [(LeakyRelu, {})],
    "elu": [(Elu, {})],
    "softplus": [(Softplus, {})],
    "gelu": [(Gelu, {})],
    "silu": [(Silu, {})],
    "softmax": [(NumpySoftmax, {})],
    "log_softmax": [(NumpyLogSoftmax, {})],
    "embedding": [(NumpyEmbedding, {})],
    "mse": [(NumpyMse, {})],
    "cross_entropy": [(NumpyCrossEntropy, {})],
    "binary_cross_entropy": [(NumpyBinaryCrossEntropy, {})],
}
