"""A matrix product whose enclosure does not widen with the number of terms, for networks that are wide.

Every row of A is cut into leading bits and a rest, every column of B likewise, with so few leading bits that
their product is exact in any order of summation: multiples of one power of two, smaller than 2⁵³ of it. What
is rounded are the rests, 2⁻ᵇ as large. Source: Ozaki, Ogita, Oishi & Rump, Numerical Algorithms 59 (2012),
95-118, of whose slices two are taken.
"""

from math import ceil, log2

import numpy as np

from reference_impl.array import Array
from verifier.enclosure.ball import UNIT, Ball, Factors, factors, lost

_EXTREME = 400  # exponents beyond it might leave float64's range within a product


def sharp_factors(x: Ball, y: Ball) -> Factors:
    """Make ready to multiply x of shape (m, n) and y of shape (n, k); extreme numbers as `factors` does."""
    terms = x.middle.shape[1]
    bits = (53 - ceil(log2(max(terms, 2)))) // 2
    rows = _exponents(x.middle, axis=1)
    columns = _exponents(y.middle, axis=0)
    if rows is None or columns is None:
        return factors(x, y)
    x_leading, x_rest = _cut(x.middle, rows, bits)
    y_leading, y_rest = _cut(y.middle, columns, bits)
    left, right = np.hstack([x_leading, x_rest]), np.vstack([y_rest, y.middle])
    middle = (x_leading, y_leading), (left, right)
    gamma = (2 * terms + 1) * UNIT / (1.0 - (2 * terms + 1) * UNIT)
    # what is rounded: |leading| |rest| + |rest| |B|
    rounded, factor = lost(gamma * (1.0 + 4 * UNIT), np.abs(left)), np.abs(right)
    if not (x.is_exact and y.is_exact):
        size_y = np.abs(y.middle)
        rounded = np.hstack([rounded, x.radius, np.abs(x.middle)])
        factor = np.vstack([factor, size_y + y.radius, y.radius])
    return Factors(middle, (rounded, factor), 4 * terms, added=1.0)


def _exponents(values: Array, axis: int) -> Array | None:
    """Give e with |values| < 2ᵉ along an axis, kept as one; None where some are extreme or not finite."""
    largest = np.abs(values).max(axis=axis, keepdims=True, initial=0.0)
    if not np.isfinite(largest).all():
        return None
    exponents = np.where(largest > 0, np.frexp(largest)[1], 0)
    return None if (np.abs(exponents) > _EXTREME).any() else np.asarray(exponents)


def _cut(values: Array, exponents: Array, bits: int) -> tuple[Array, Array]:
    """Give multiples of 2^(e − bits) nearest to the values, and the exact rests, at most half of that."""
    shift = np.ldexp(0.75, exponents + 53 - bits)
    leading = (values + shift) - shift
    return leading, values - leading
