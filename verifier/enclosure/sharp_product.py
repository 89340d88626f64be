"""Matrix products whose enclosure does not widen with the number of terms, for wide networks.

Every row of A and every column of B is split into leading bits and a rest. The leading bits are few enough
for their product to be exact in any order of summation: multiples of one power of two, below 2⁵³ times it.
Only products with the rests, 2⁻ᵇ as large, are rounded. Source: Ozaki, Ogita, Oishi & Rump, Numerical
Algorithms 59 (2012), 95-118, with two slices.
"""

from math import ceil, log2

import numpy as np

from reference_impl.array import Array
from verifier.enclosure.ball import UNIT, Ball, Factors, factors, lost

_EXTREME = 400  # larger exponents might leave float64's range within a product


def sharp_factors(x: Ball, y: Ball) -> Factors:
    """Return the lazy product of x, (m, n), and y, (n, k); for extreme numbers as `factors` does."""
    terms = x.middle.shape[1]
    bits = (53 - ceil(log2(max(terms, 2)))) // 2
    rows = _exponents(x.middle, axis=1)
    columns = _exponents(y.middle, axis=0)
    if rows is None or columns is None:
        return factors(x, y)
    x_leading, x_rest = _split(x.middle, rows, bits)
    y_leading, y_rest = _split(y.middle, columns, bits)
    left, right = np.hstack([x_leading, x_rest]), np.vstack([y_rest, y.middle])
    middle = (x_leading, y_leading), (left, right)
    gamma = (2 * terms + 1) * UNIT / (1.0 - (2 * terms + 1) * UNIT)
    # rounding affects |leading| |rest| + |rest| |B|
    rounding_error, factor = lost(gamma * (1.0 + 4 * UNIT), np.abs(left)), np.abs(right)
    if not (x.is_exact and y.is_exact):
        size_y = np.abs(y.middle)
        rounding_error = np.hstack([rounding_error, x.radius, np.abs(x.middle)])
        factor = np.vstack([factor, size_y + y.radius, y.radius])
    return Factors(middle, (rounding_error, factor), 4 * terms, added=1.0)


def _exponents(values: Array, axis: int) -> Array | None:
    """Return e with |values| < 2ᵉ along an axis, which is kept; None if some are extreme or not finite."""
    largest = np.abs(values).max(axis=axis, keepdims=True, initial=0.0)
    if not np.isfinite(largest).all():
        return None
    exponents = np.where(largest > 0, np.frexp(largest)[1], 0)
    return None if (np.abs(exponents) > _EXTREME).any() else np.asarray(exponents)


def _split(values: Array, exponents: Array, bits: int) -> tuple[Array, Array]:
    """Return the multiples of 2^(e − bits) nearest to the values, and the exact rests."""
    shift = np.ldexp(0.75, exponents + 53 - bits)
    leading = (values + shift) - shift
    return leading, values - leading
