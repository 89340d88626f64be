"""The field of complex numpy arrays, for evaluating formulas with imaginary steps."""

from math import pi, sqrt

import numpy as np

from reference_impl.array import Array

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
