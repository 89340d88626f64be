"""Formulas over numpy's complex numbers, for steps along the imaginary axis."""

from math import pi, sqrt

import numpy as np

from reference_impl.array import Array

_SERIES_UP_TO = 1.0  # where so many terms of either form reach the last digit
_SERIES_TERMS = 30
_FRACTION_TERMS = 220
_FARTHEST = 27.0  # erfc(27) underflows


class _ComplexField:
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
    """erfc for numbers near the real axis, independent of the rational approximations of the reference.

    Source: Abramowitz & Stegun, 7.1.6 (a series of terms of one sign) and 7.1.14 (a continued fraction).
    """
    positive = np.where(x.real < 0, -x, x)
    near = positive.real < _SERIES_UP_TO
    small = np.where(near, positive, 0)
    term = small
    total = small
    for n in range(1, _SERIES_TERMS):
        term = term * (2 * small * small) / (2 * n + 1)
        total = total + term
    series = 1 - 2 / sqrt(pi) * np.exp(-small * small) * total

    large = np.where(near, _SERIES_UP_TO, positive)
    large = np.where(large.real > _FARTHEST, _FARTHEST + 1j * large.imag, large)
    fraction = large
    for n in range(_FRACTION_TERMS, 0, -1):
        fraction = large + (n / 2) / fraction
    tail = np.exp(-large * large) / (sqrt(pi) * fraction)

    value = np.where(near, series, tail)
    return np.asarray(np.where(x.real < 0, 2 - value, value))
