"""Textbook formulas of activations, elementary functions and losses over any field of numbers.

The same formula is evaluated over complex numbers, power series and numbers of many digits. Arrays are numpy
arrays (of objects unless the numbers are machine numbers), so `+ - * /`, `sum` and indexing work in every
field. The formulas are independent of the values and derivatives in `reference_impl`.
"""

from collections.abc import Callable, Mapping
from math import isfinite, pi, sqrt
from types import MappingProxyType
from typing import Protocol

import numpy as np

from reference_impl.activations import SELU_ALPHA, SELU_SCALE, Activation
from reference_impl.array import Array
from reference_impl.losses import Terms

MOST_MULTIPLICATIONS = 64  # whole exponents up to this are computed by repeated multiplication


class Field(Protocol):
    """Elementary functions over one kind of number, entry by entry."""

    def exp(self, x: Array) -> Array: ...
    def expm1(self, x: Array) -> Array: ...
    def log(self, x: Array) -> Array: ...
    def log1p(self, x: Array) -> Array: ...
    def tanh(self, x: Array) -> Array: ...
    def erfc(self, x: Array) -> Array: ...
    def sin(self, x: Array) -> Array: ...
    def cos(self, x: Array) -> Array: ...
    def arctan(self, x: Array) -> Array: ...

    def where_positive(self, x: Array, then: Array, otherwise: Array) -> Array:
        """Return `then` where the real part of x is positive, else `otherwise`; both are evaluated."""
        ...

    def row_maximum(self, x: Array) -> Array:
        """Return the largest real part of each row, as a constant of shape (N, 1)."""
        ...


def magnitude(field: Field, x: Array) -> Array:
    """Return |x| as an analytic function on either side of 0, unlike the modulus of a complex number."""
    return field.where_positive(x, x, -x)


def _sigmoid(field: Field, a: Array) -> Array:
    decay = field.exp(-magnitude(field, a))
    return np.asarray(field.where_positive(a, 0 * a + 1, decay) / (1 + decay))


def _softplus(field: Field, a: Array) -> Array:
    return np.asarray(field.where_positive(a, a, 0 * a) + field.log1p(field.exp(-magnitude(field, a))))


def _elu(field: Field, a: Array, alpha: float) -> Array:
    return field.where_positive(a, a, alpha * field.expm1(-magnitude(field, a)))


def _gelu(field: Field, a: Array) -> Array:
    root_of_two = field.exp(field.log(0 * a + 2) / 2)
    return a * field.erfc(-a / root_of_two) / 2


def _gelu_tanh(field: Field, a: Array) -> Array:
    inner = sqrt(2.0 / pi) * (a + 0.044715 * a * a * a)
    return np.asarray(a * _sigmoid(field, 2 * inner))  # ½ (1 + tanh u) = σ(2u)


def _softmax(field: Field, a: Array) -> Array:
    exponentials = field.exp(a - field.row_maximum(a))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def log_softmax_formula(field: Field, a: Array) -> Array:
    """Return log softmax(a) over a field."""
    shifted = a - field.row_maximum(a)
    return np.asarray(shifted - field.log(field.exp(shifted).sum(axis=-1, keepdims=True)))


def _power(field: Field, a: Array, exponent: float) -> Array:
    times = int(exponent)
    if times != exponent or abs(times) > MOST_MULTIPLICATIONS:
        return np.asarray(field.exp(exponent * field.log(a)))
    product = 0 * a + 1
    for _ in range(abs(times)):
        product = product * a
    return np.asarray(1 / product if times < 0 else product)


def _sign(field: Field, a: Array) -> Array:
    one = 0 * a + 1
    return field.where_positive(a, one, field.where_positive(-a, -one, 0 * a))


def _clip(field: Field, a: Array, min: float, max: float) -> Array:
    if isfinite(max):
        a = field.where_positive(a - max, 0 * a + max, a)
    return field.where_positive(a - min, a, 0 * a + min) if isfinite(min) else a


FUNCTION_FORMULAS: Mapping[str, Callable[..., Array]] = MappingProxyType(
    {
        "identity": lambda field, a: a,
        "sigmoid": _sigmoid,
        "tanh": lambda field, a: field.tanh(a),
        "relu": lambda field, a: field.where_positive(a, a, 0 * a),
        "leaky_relu": lambda field, a, slope: field.where_positive(a, a, slope * a),
        "elu": _elu,
        "softplus": _softplus,
        "gelu": _gelu,
        "silu": lambda field, a: a * _sigmoid(field, a),
        "selu": lambda field, a: SELU_SCALE * _elu(field, a, SELU_ALPHA),
        "gelu_tanh": _gelu_tanh,
        "mish": lambda field, a: a * field.tanh(_softplus(field, a)),
        "hardtanh": lambda field, a: _clip(field, a, -1.0, 1.0),
        "hardswish": lambda field, a: a * _clip(field, a + 3, 0.0, 6.0) / 6,
        "softsign": lambda field, a: a / (1 + magnitude(field, a)),
        "log_sigmoid": lambda field, a: -_softplus(field, -a),
        "log_softmax": log_softmax_formula,
        "softmax": _softmax,
        "exp": lambda field, a: field.exp(a),
        "log": lambda field, a: field.log(a),
        "sqrt": lambda field, a: field.exp(0.5 * field.log(a)),
        "absolute": magnitude,
        "power": _power,
        "expm1": lambda field, a: field.expm1(a),
        "log1p": lambda field, a: field.log1p(a),
        "sin": lambda field, a: field.sin(a),
        "cos": lambda field, a: field.cos(a),
        "arctan": lambda field, a: field.arctan(a),
        "erf": lambda field, a: 1 - field.erfc(a),
        "sign": _sign,
        "clip": _clip,
    }
)
"""(field, a, **options) -> z, by the name of the activation or elementary function."""


def function_formula(function: Activation, field: Field, a: Array) -> Array:
    """Return z = g(a) over a field, for an activation or elementary function g."""
    return FUNCTION_FORMULAS[function.name](field, a, **function.options)


def _log_sigmoid(field: Field, a: Array) -> Array:
    return -_softplus(field, -a)


def _log_sigmoid_complement(field: Field, a: Array) -> Array:
    return -_softplus(field, a)


def _log(field: Field, p: Array) -> Array:
    return field.log(p)


def _log_complement(field: Field, p: Array) -> Array:
    return field.log1p(-p)


Logarithm = Callable[[Field, Array], Array]
LossFormula = Callable[..., Array]


def _weighted(weights: Array, logarithm: Logarithm, field: Field, x: Array) -> Array:
    with np.errstate(all="ignore"):  # a logarithm of weight 0 may be undefined
        terms = weights * logarithm(field, x)
    return np.asarray(np.where(weights == 0, 0 * x, terms))


def _cross_entropy(log: Logarithm) -> LossFormula:
    return lambda field, x, y: _weighted(-y, log, field, x)


def _binary_cross_entropy(log: Logarithm, log_complement: Logarithm) -> LossFormula:
    return lambda field, x, y: _weighted(-y, log, field, x) + _weighted(y - 1, log_complement, field, x)


def _unchanged(field: Field, logarithm: Array) -> Array:
    return logarithm


def _kl_divergence(log: Logarithm) -> LossFormula:
    def formula(field: Field, x: Array, y: Array) -> Array:
        positive = 0 * x + np.where(y == 0, 1.0, y)
        return np.asarray(y * field.log(positive) + _weighted(-y, log, field, x))

    return formula


def _huber(field: Field, f: Array, y: Array, delta: float) -> Array:
    distance = magnitude(field, f - y)
    return field.where_positive(distance - delta, delta * (distance - delta / 2), distance * distance / 2)


def _hinge(field: Field, f: Array, y: Array) -> Array:
    margins = 1 + f - (y * f).sum(axis=-1, keepdims=True)
    return np.asarray((1 - y) * field.where_positive(margins, margins, 0 * margins))


LOSS_FORMULAS: Mapping[str, LossFormula] = MappingProxyType(
    {
        "squared_error": lambda field, f, y: (f - y) * (f - y),
        "cross_entropy_on_logits": _cross_entropy(log_softmax_formula),
        "cross_entropy_on_probabilities": _cross_entropy(_log),
        "cross_entropy_on_sigmoid_logits": _cross_entropy(_log_sigmoid),
        "binary_cross_entropy_on_logits": _binary_cross_entropy(_log_sigmoid, _log_sigmoid_complement),
        "binary_cross_entropy_on_probabilities": _binary_cross_entropy(_log, _log_complement),
        "absolute_error": lambda field, f, y: magnitude(field, f - y),
        "huber": _huber,
        "multiclass_hinge": _hinge,
        "cross_entropy_on_log_probabilities": _cross_entropy(_unchanged),
        "kl_divergence_on_logits": _kl_divergence(log_softmax_formula),
        "kl_divergence_on_probabilities": _kl_divergence(_log),
        "kl_divergence_on_log_probabilities": _kl_divergence(_unchanged),
    }
)
"""(field, outputs f, targets y) -> terms, by the name of the loss's terms."""


def loss_formula(terms: Terms, field: Field, f: Array, y: Array) -> Array:
    """Return the terms of a loss over a field, of the shape of f and y."""
    return LOSS_FORMULAS[terms.name](field, f, y, **terms.options)
