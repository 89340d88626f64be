"""Textbook formulas of each operation, forward and backward, without GradJury.

`back` may return gradients in the broadcast shape; the caller sums over the broadcast axes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import erf, pi, sqrt
from typing import Any

import numpy as np

Array = Any
Options = Mapping[str, Any]
_erf = np.vectorize(erf, otypes=[float])


@dataclass(frozen=True)
class Rule:
    """Formulas of an operation.

    forward: function of (operands, options) that returns the value.
    back: function of (upstream, operands, value, options) that returns one gradient per operand.
    """

    forward: Callable[[Sequence[Array], Options], Array]
    back: Callable[[Array, Sequence[Array], Array, Options], Sequence[Array | None]]


def _of_one(forward: Callable[..., Array], slope: Callable[..., Array]) -> Rule:
    """Return the rule of an elementwise function. slope: function of (operand, value, options)."""
    return Rule(lambda x, o: forward(x[0], o), lambda u, x, z, o: [u * slope(x[0], z, o)])


def _sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def _normal(x: Array) -> Array:
    return 0.5 * (1.0 + _erf(x / sqrt(2.0)))


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _softmax_back(u: Array, x: Sequence[Array], z: Array, o: Options) -> list[Array]:
    return [z * (u - (u * z).sum(axis=-1, keepdims=True))]


def _log_softmax_back(u: Array, x: Sequence[Array], z: Array, o: Options) -> list[Array]:
    return [u - np.exp(z) * u.sum(axis=-1, keepdims=True)]


def _matmul_back(u: Array, x: Sequence[Array], z: Array, o: Options) -> list[Array]:
    a, b = x
    left = a[None, :] if a.ndim == 1 else a
    right = b[:, None] if b.ndim == 1 else b
    if b.ndim == 1:
        u = u[..., None]
    if a.ndim == 1:
        u = u[..., None, :]
    of_left, of_right = u @ right.swapaxes(-1, -2), left.swapaxes(-1, -2) @ u
    return [of_left[..., 0, :] if a.ndim == 1 else of_left, of_right[..., 0] if b.ndim == 1 else of_right]


def _axes(x: Array, o: Options) -> tuple[int, ...]:
    axis = o.get("axis")
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, list) else [axis]
    return tuple(index % x.ndim for index in axes)


def _reduced(x: Array, o: Options, how: Callable[..., Array]) -> Array:
    return how(x, axis=_axes(x, o), keepdims=o.get("keepdims", False))


def _kept(u: Array, x: Array, o: Options) -> Array:
    shape = [1 if axis in _axes(x, o) else size for axis, size in enumerate(x.shape)]
    return np.reshape(u, shape)


def _copied(u: Array, x: Array, o: Options) -> Array:
    return np.broadcast_to(_kept(u, x, o), x.shape)


def _max_back(u: Array, x: Sequence[Array], z: Array, o: Options) -> list[Array]:
    largest = x[0] == _kept(z, x[0], o)
    count = largest.sum(axis=_axes(x[0], o), keepdims=True)
    return [_kept(u, x[0], o) * largest / count]


def _count(x: Array, o: Options) -> int:
    return int(np.prod([x.shape[axis] for axis in _axes(x, o)]))


def _transposed(x: Array, o: Options) -> Array:
    return np.transpose(x, o.get("axes"))


def _transpose_back(u: Array, x: Sequence[Array], z: Array, o: Options) -> list[Array]:
    axes = o.get("axes")
    return [np.transpose(u, None if axes is None else np.argsort(axes))]


def _pieces(u: Array, x: Sequence[Array], z: Array, o: Options) -> list[Array]:
    axis = o.get("axis", 0)
    return list(np.split(u, np.cumsum([operand.shape[axis] for operand in x])[:-1], axis=axis))


def _index(o: Options) -> tuple[Any, ...]:
    def entry(item: Any) -> Any:
        return slice(None) if item is None else slice(*item) if isinstance(item, list) else item

    return tuple(entry(item) for item in o["index"])


def _placed(u: Array, x: Sequence[Array], z: Array, o: Options) -> list[Array]:
    gradient = np.zeros(x[0].shape)
    gradient[_index(o)] = u
    return [gradient]


def _looked_up(x: Sequence[Array], o: Options) -> Array:
    return x[0][x[1].astype(int)]


def _look_up_back(u: Array, x: Sequence[Array], z: Array, o: Options) -> list[Array | None]:
    gradient = np.zeros(x[0].shape)
    for place, row in zip(x[1].astype(int).ravel(), u.reshape(-1, x[0].shape[1]), strict=True):
        gradient[place] += row
    return [gradient, None]


def _rows(x: Array) -> Array:
    return x if x.ndim == 2 else x[:, None]


def scale_of(x: Sequence[Array], o: Options, factor: float) -> float:
    """Return the factor of the sum of a loss's terms."""
    rows = _rows(x[0])
    divisor = rows.shape[0] if o.get("batch", "mean") == "mean" else 1
    divisor *= rows.shape[1] if o.get("outputs", "sum") == "mean" else 1
    return o.get("factor", factor) / divisor


def _squares_back(u: Array, x: Sequence[Array], z: Array, o: Options) -> list[Array]:
    slope = u * scale_of(x, o, 0.5) * 2.0 * (x[0] - x[1])
    return [slope, -slope]


def _targets(x: Sequence[Array]) -> Array:
    return x[1] if x[1].shape == x[0].shape else np.eye(x[0].shape[1])[x[1].astype(int)]


def _classes(x: Sequence[Array], o: Options) -> Array:
    p = x[0] if o.get("on") == "probabilities" else _softmax(x[0])
    return np.asarray(-(_targets(x) * np.log(p)).sum() * scale_of(x, o, 1.0))


def _classes_back(u: Array, x: Sequence[Array], z: Array, o: Options) -> list[Array | None]:
    t = _targets(x)
    on_p = o.get("on") == "probabilities"
    slope = -t / x[0] if on_p else _softmax(x[0]) * t.sum(axis=-1, keepdims=True) - t
    return [u * scale_of(x, o, 1.0) * slope, None]


def _labels(x: Sequence[Array], o: Options) -> Array:
    p = x[0] if o.get("on") == "probabilities" else _sigmoid(x[0])
    terms = x[1] * np.log(p) + (1.0 - x[1]) * np.log(1.0 - p)
    return np.asarray(-terms.sum() * scale_of(x, o, 1.0))


def _labels_back(u: Array, x: Sequence[Array], z: Array, o: Options) -> list[Array | None]:
    p = x[0]
    slope = (p - x[1]) / (p * (1.0 - p)) if o.get("on") == "probabilities" else _sigmoid(p) - x[1]
    return [u * scale_of(x, o, 1.0) * slope, None]


RULES: Mapping[str, Rule] = {
    "add": Rule(lambda x, o: x[0] + x[1], lambda u, x, z, o: [u, u]),
    "subtract": Rule(lambda x, o: x[0] - x[1], lambda u, x, z, o: [u, -u]),
    "multiply": Rule(lambda x, o: x[0] * x[1], lambda u, x, z, o: [u * x[1], u * x[0]]),
    "divide": Rule(lambda x, o: x[0] / x[1], lambda u, x, z, o: [u / x[1], -u * x[0] / x[1] ** 2]),
    "negate": _of_one(lambda x, o: -x, lambda x, z, o: -1.0),
    "matmul": Rule(lambda x, o: x[0] @ x[1], _matmul_back),
    "transpose": Rule(lambda x, o: _transposed(x[0], o), _transpose_back),
    "reshape": Rule(lambda x, o: x[0].reshape(o["shape"]), lambda u, x, z, o: [np.reshape(u, x[0].shape)]),
    "concatenate": Rule(lambda x, o: np.concatenate(x, axis=o.get("axis", 0)), _pieces),
    "slice": Rule(lambda x, o: x[0][_index(o)], _placed),
    "sum": Rule(lambda x, o: _reduced(x[0], o, np.sum), lambda u, x, z, o: [_copied(u, x[0], o)]),
    "mean": Rule(
        lambda x, o: _reduced(x[0], o, np.mean),
        lambda u, x, z, o: [_copied(u, x[0], o) / _count(x[0], o)],
    ),
    "max": Rule(lambda x, o: _reduced(x[0], o, np.max), _max_back),
    "exp": _of_one(lambda x, o: np.exp(x), lambda x, z, o: z),
    "log": _of_one(lambda x, o: np.log(x), lambda x, z, o: 1.0 / x),
    "sqrt": _of_one(lambda x, o: np.sqrt(x), lambda x, z, o: 0.5 / z),
    "absolute": _of_one(lambda x, o: np.abs(x), lambda x, z, o: np.sign(x)),
    "power": _of_one(
        lambda x, o: x ** o["exponent"], lambda x, z, o: o["exponent"] * x ** (o["exponent"] - 1)
    ),
    "identity": _of_one(lambda x, o: x, lambda x, z, o: 1.0),
    "sigmoid": _of_one(lambda x, o: _sigmoid(x), lambda x, z, o: z * (1.0 - z)),
    "tanh": _of_one(lambda x, o: np.tanh(x), lambda x, z, o: 1.0 - z**2),
    "relu": _of_one(lambda x, o: np.maximum(x, 0.0), lambda x, z, o: (x > 0) * 1.0),
    "leaky_relu": _of_one(
        lambda x, o: np.where(x > 0, x, o.get("slope", 0.01) * x),
        lambda x, z, o: np.where(x > 0, 1.0, o.get("slope", 0.01)),
    ),
    "elu": _of_one(
        lambda x, o: np.where(x > 0, x, o.get("alpha", 1.0) * (np.exp(np.minimum(x, 0.0)) - 1.0)),
        lambda x, z, o: np.where(x > 0, 1.0, z + o.get("alpha", 1.0)),
    ),
    "softplus": _of_one(lambda x, o: np.log1p(np.exp(x)), lambda x, z, o: _sigmoid(x)),
    "gelu": _of_one(
        lambda x, o: x * _normal(x),
        lambda x, z, o: _normal(x) + x * np.exp(-0.5 * x**2) / sqrt(2.0 * pi),
    ),
    "silu": _of_one(lambda x, o: x * _sigmoid(x), lambda x, z, o: _sigmoid(x) * (1.0 + x - z)),
    "softmax": Rule(lambda x, o: _softmax(x[0]), _softmax_back),
    "log_softmax": Rule(lambda x, o: np.log(_softmax(x[0])), _log_softmax_back),
    "embedding": Rule(_looked_up, _look_up_back),
    "mse": Rule(lambda x, o: np.asarray(((x[0] - x[1]) ** 2).sum() * scale_of(x, o, 0.5)), _squares_back),
    "cross_entropy": Rule(_classes, _classes_back),
    "binary_cross_entropy": Rule(_labels, _labels_back),
}
