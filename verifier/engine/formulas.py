"""Textbook formulas over any field, such as complex numbers and power series; forward only."""

from collections.abc import Callable
from math import pi, sqrt
from threading import Lock
from typing import Any

import numpy as np

from reference_impl.activations import Activation
from reference_impl.array import Array
from reference_impl.losses import Terms
from verifier.engine.arithmetic import Numbers
from verifier.engine.functions.formulas import Field, function_formula, log_softmax_formula, loss_formula

_SERIES_LIMIT = 1.0  # below it the series converges, above it the fraction, to the last digit
_SERIES_TERMS = 30
_FRACTION_TERMS = 220
_UNDERFLOW_FROM = 27.0  # erfc(27) underflows


class _ComplexField:
    """Elementary functions over complex arrays; see `reference_impl.field.Field`."""

    def exp(self, x: Array) -> Array:
        return np.asarray(np.exp(x))

    def expm1(self, x: Array) -> Array:
        return np.asarray(np.expm1(x))

    def log(self, x: Array) -> Array:
        return np.asarray(np.log(x))

    def log1p(self, x: Array) -> Array:
        return np.asarray(np.log1p(x))

    def tanh(self, x: Array) -> Array:
        return np.asarray(np.tanh(x))

    def erfc(self, x: Array) -> Array:
        return _erfc(x)

    def sin(self, x: Array) -> Array:
        return np.asarray(np.sin(x))

    def cos(self, x: Array) -> Array:
        return np.asarray(np.cos(x))

    def arctan(self, x: Array) -> Array:
        return np.asarray(np.arctan(x))

    def where_positive(self, x: Array, then: Array, otherwise: Array) -> Array:
        return np.where(x.real > 0, then, otherwise)

    def row_maximum(self, x: Array) -> Array:
        return np.asarray(x.real.max(axis=-1, keepdims=True))


COMPLEX = _ComplexField()


def _erfc(x: Array) -> Array:
    """Return erfc near the real axis, independently of the rational approximations of the reference.

    Source: Abramowitz & Stegun, 7.1.6 (a series of terms of one sign) and 7.1.14 (a continued fraction).
    """
    positive = np.where(x.real < 0, -x, x)
    near = positive.real < _SERIES_LIMIT
    small = np.where(near, positive, 0)
    term = small
    total = small
    for n in range(1, _SERIES_TERMS):
        term = term * (2 * small * small) / (2 * n + 1)
        total = total + term
    series = 1 - 2 / sqrt(pi) * np.exp(-small * small) * total

    large = np.where(near, _SERIES_LIMIT, positive)
    large = np.where(large.real > _UNDERFLOW_FROM, _UNDERFLOW_FROM + 1j * large.imag, large)
    fraction = large
    for n in range(_FRACTION_TERMS, 0, -1):
        fraction = large + (n / 2) / fraction
    tail = np.exp(-large * large) / (sqrt(pi) * fraction)

    value = np.where(near, series, tail)
    return np.asarray(np.where(x.real < 0, 2 - value, value))


PRECISION_IS_GLOBAL = Lock()  # FLINT's working precision is global to the process


class PowerSeries:
    """Arrays of power series a + ε, whose second coefficient is the derivative."""

    def __init__(self, flint: Any) -> None:
        self._flint = flint
        self.exp = np.frompyfunc(lambda x: x.exp(), 1, 1)
        self.log = np.frompyfunc(lambda x: x.log(), 1, 1)
        self.erfc = np.frompyfunc(lambda x: x.erfc(), 1, 1)
        self.sin = np.frompyfunc(lambda x: x.sin(), 1, 1)
        self.cos = np.frompyfunc(lambda x: x.cos(), 1, 1)
        self.arctan = np.frompyfunc(lambda x: x.atan(), 1, 1)
        self.expm1 = np.frompyfunc(lambda x: x.exp() - 1, 1, 1)
        self.log1p = np.frompyfunc(lambda x: (1 + x).log(), 1, 1)
        self.tanh = np.frompyfunc(self._tanh, 1, 1)

    def where_positive(self, x: Array, then: Array, otherwise: Array) -> Array:
        """Select by the sign of the constant term; a ball around 0 returns the union of both branches."""
        return np.asarray(np.frompyfunc(self._choose, 3, 1)(x, then, otherwise))

    def _choose(self, x: Any, then: Any, otherwise: Any) -> Any:
        if x[0] > 0:
            return then
        if x[0] < 0 or x[0].is_zero():
            return otherwise
        return self._flint.arb_series([then[i].union(otherwise[i]) for i in (0, 1)], prec=2)

    def row_maximum(self, x: Array) -> Array:
        middles = np.frompyfunc(lambda s: float(s[0].mid()), 1, 1)(x).astype(float)
        return np.asarray(np.frompyfunc(self._flint.arb, 1, 1)(middles.max(axis=-1, keepdims=True)))

    def _tanh(self, x: Any) -> Any:
        # both forms are correct for either sign; this choice keeps the exponential small
        negative = x[0].mid() < 0
        decay = (2 * x if negative else -2 * x).exp()
        size = (1 - decay) / (1 + decay)
        return -size if negative else size


class Formulas(Numbers):
    """Evaluate textbook formulas. real_part: returns the numbers that the maximum compares."""

    def __init__(self, field: Field, real_part: Callable[[Array], Array]) -> None:
        self._field, self._real_part = field, real_part

    def scaled(self, x: Any, factor: float, divisor: int = 1) -> Any:
        return x * factor / divisor

    def applied(self, function: Activation, x: Any) -> Any:
        return function_formula(function, self._field, x)

    def log_softmax(self, x: Any) -> Any:
        return log_softmax_formula(self._field, x)

    def maximum(self, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
        kept = [axis for axis in range(-x.ndim, 0) if axis not in axes]
        rows = x.transpose(*kept, *axes).reshape(*(x.shape[axis] for axis in kept), -1)
        index = self._real_part(rows).argmax(axis=-1)[..., None]
        largest = np.take_along_axis(rows, index, axis=-1)[..., 0]
        return np.expand_dims(largest, axes) if keepdims else largest

    def losses(self, terms: Terms, f: Any, y: Array) -> Any:
        return loss_formula(terms, self._field, f, y).sum(axis=-1)


COMPLEX_NUMBERS = Formulas(COMPLEX, np.real)
