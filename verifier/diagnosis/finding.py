"""One mistake found, not yet in words; and what mistakes cost, since the fewest are the likeliest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

NEW = 1.0
AGAIN = 0.3  # the same mistake in one more layer: one line of code
UNKNOWN = 0.1  # a number that had to be estimated
RARE = 0.001  # each row further down the table
UNEXPLAINED = 6.0

UNEXPLAINED_ID = "unexplained"


@dataclass(frozen=True, slots=True)
class Finding:
    """bug: its id. layer: None for the whole network. residual: see `Diagnosis`; None: not measured.

    also: other bugs that give the same numbers here.
    """

    bug: str
    layer: int | None
    equation: str
    parameters: tuple[str, ...]
    factor: float | None = None
    residual: float | None = None
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    also: tuple[str, ...] = ()
