"""Tolerances for errors beyond rounding, relative to the scale of each entry."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A tolerance of rtol · scale + atol, where the scale of an entry is the sum of |contributions| to it."""

    rtol: float
    atol: float = 0.0
    preset: str | None = None


TOLERANCES: Mapping[str, Tolerance] = MappingProxyType(
    {
        row.preset: row
        for row in (
            Tolerance(rtol=1e-6, preset="standard"),
            Tolerance(rtol=0.0, preset="strict"),
            Tolerance(rtol=1e-3, preset="lenient"),
        )
        if row.preset is not None
    }
)
