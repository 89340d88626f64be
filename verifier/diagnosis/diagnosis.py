"""A mistake that was found, in words; one row of a report's diagnosis."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """bug: an id of the catalogue. layer: where it enters, None for the whole network.

    equation: the part of backpropagation that is wrong. parameters: whose gradients it spoils first; what
    only inherits the error is not listed. factor: by which a gradient is off, where it is a mere factor.
    residual: what the explanation leaves of the gradient, relative, by norm; rounding, or 1 for unexplained,
    None where nothing is explained but only noticed (an overflow, printing, a penalty beside another bug).
    For whole gradients changed, relative to the largest entry; 0, unmeasured, for penalties, overflow and how
    the numbers were come by.
    for_students: the explanation in words of the problem and the catalogue alone; not part of documents.
    node: in a graph, the gradient at which the mistake enters, by its name.
    also_consistent: bugs that give the same numbers on this problem. estimates: what was estimated.
    """

    bug: str
    layer: int | None
    equation: str
    parameters: tuple[str, ...]
    factor: float | None
    residual: float | None
    also_consistent: tuple[str, ...]
    title: str
    explanation: str
    right: str
    wrong: str
    hint: str
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    for_students: str = ""
    node: str | None = None

    @property
    def formula(self) -> str:
        """The right formula and the one that was used."""
        return f"right: {self.right}; used: {self.wrong}"
