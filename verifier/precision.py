"""The floating-point formats in which a submission may have been computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from reference_impl.array import Array


@dataclass(frozen=True, slots=True)
class Precision:
    """A binary format: significand bits (the hidden one included), exponent range, smallest positive number.

    unit_roundoff: the largest relative error of rounding to nearest.
    underflow: the largest absolute error of rounding a number near 0.
    Source of the parameters: IEEE 754-2019, table 3.5; bfloat16 is binary32 cut to 8 bits.
    """

    name: str
    significand_bits: int
    largest_exponent: int
    smallest: float

    @property
    def unit_roundoff(self) -> float:
        return float(2.0**-self.significand_bits)

    @property
    def underflow(self) -> float:
        return max(self.smallest / 2, 5e-324)  # half of float64's own smallest is no float64

    @property
    def largest(self) -> float:
        return float((2.0 - 2.0 ** (1 - self.significand_bits)) * 2.0**self.largest_exponent)


PRECISIONS: Mapping[str, Precision] = MappingProxyType(
    {
        row.name: row
        for row in (
            Precision("float64", 53, 1023, 5e-324),
            Precision("float32", 24, 127, 2.0**-149),
            Precision("float16", 11, 15, 2.0**-24),
            Precision("bfloat16", 8, 127, 2.0**-133),
        )
    }
)


_OF_NUMPY = ("float32", "float16")


def rounded(values: Array, precision: Precision) -> Array:
    """Round to the nearest number of the format, ties to even; overflow gives infinity."""
    if precision.name == "float64":
        return values
    with np.errstate(all="ignore"):
        if precision.name in _OF_NUMPY:
            return values.astype(precision.name).astype(np.float64)
        return _nearest(values, precision)


def _nearest(values: Array, precision: Precision) -> Array:
    fraction, exponent = np.frexp(values)
    scaled = np.ldexp(fraction, precision.significand_bits)
    nearest = np.ldexp(np.rint(scaled), exponent - precision.significand_bits)
    small = np.abs(values) < precision.smallest * 2.0 ** (precision.significand_bits - 1)  # subnormal
    nearest = np.where(small, np.rint(values / precision.smallest) * precision.smallest, nearest)
    return np.where(np.abs(nearest) > precision.largest, np.copysign(np.inf, values), nearest)
