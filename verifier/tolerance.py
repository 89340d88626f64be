"""How far beyond rounding a submission may be: relative to each entry's scale, never an absolute pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Tolerance:
    """rtol multiplies an entry's scale, Σ of the absolute contributions to it; atol is added as it is."""

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
