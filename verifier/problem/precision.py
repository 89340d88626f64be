"""The floating-point formats in which submissions can be computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from reference_impl.array import Array


@dataclass(frozen=True, slots=True)
class Precision:
    """A binary floating-point format.

    significand_bits: the precision, the hidden bit included. largest_exponent: of finite numbers.
    smallest: the smallest positive number, which is subnormal.
    unit_roundoff: the largest relative error of rounding to nearest.
    underflow: the largest absolute error of rounding a number near 0.
    largest: the largest finite number.
    Source of the parameters: IEEE 754-2019, table 3.5; bfloat16 is binary32 with 8 significand bits.
    """

    name: str
    significand_bits: int
    largest_exponent: int
    smallest: float

    unit_roundoff: float = field(init=False)
    underflow: float = field(init=False)
    largest: float = field(init=False)

    def __post_init__(self) -> None:
        largest_significand = 2.0 - 2.0 ** (1 - self.significand_bits)
        object.__setattr__(self, "unit_roundoff", 2.0**-self.significand_bits)
        object.__setattr__(self, "underflow", max(self.smallest / 2, 5e-324))  # half of 5e-324 would be 0
        object.__setattr__(self, "largest", largest_significand * 2.0**self.largest_exponent)


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


_NUMPY_FORMATS = ("float32", "float16")


def round_to_precision(values: Array, precision: Precision) -> Array:
    """Return the nearest numbers of the format, ties to even; infinity on overflow."""
    if precision.name == "float64":
        return values
    with np.errstate(all="ignore"):
        if precision.name in _NUMPY_FORMATS:
            return values.astype(precision.name).astype(np.float64)
        return _nearest(values, precision)


def _nearest(values: Array, precision: Precision) -> Array:
    fraction, exponent = np.frexp(values)
    scaled = np.ldexp(fraction, precision.significand_bits)
    nearest = np.ldexp(np.rint(scaled), exponent - precision.significand_bits)
    small = np.abs(values) < precision.smallest * 2.0 ** (precision.significand_bits - 1)  # subnormal
    nearest = np.where(small, np.rint(values / precision.smallest) * precision.smallest, nearest)
    return np.where(np.abs(nearest) > precision.largest, np.copysign(np.inf, values), nearest)
