"""A bug located by the search, before it is put into words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

UNEXPLAINED_ID = "unexplained"


@dataclass(frozen=True, slots=True)
class Finding:
    """A bug in one layer, or in the whole network if `layer` is None. residual: see `Diagnosis`.

    also: ids of other bugs that give the same numbers here.
    """

    bug: str
    layer: int | None
    equation: str
    parameters: tuple[str, ...]
    factor: float | None = None
    residual: float | None = None
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    also: tuple[str, ...] = ()
