"""A network as a source has it: its own names, layouts and factors, put in order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from reference_impl.array import Array


@dataclass(frozen=True, slots=True, eq=False)
class SourceArray:
    """One weight or bias under its source's name. The network computes with factor · values.

    layout: of a weight, `in_out` or `out_in`; of a bias None.
    """

    name: str
    values: Array
    layout: str | None = None
    factor: float = 1.0

    @property
    def sizes(self) -> tuple[int, int]:
        """(inputs, outputs) of a weight."""
        first, second = self.values.shape
        return (second, first) if self.layout == "out_in" else (first, second)


@dataclass(frozen=True, slots=True, eq=False)
class SourceLayer:
    """activation: as the document writes one, or None while none has come."""

    weight: SourceArray
    bias: SourceArray | None
    activation: str | dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SourceNetwork:
    """flattens: whether the source flattens its inputs to rows. loss: the source's own, where it has one."""

    layers: tuple[SourceLayer, ...]
    flattens: bool = False
    loss: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def parameters(self) -> dict[str, SourceArray]:
        """Give every array by the document's name, in order."""
        found = {}
        for index, layer in enumerate(self.layers):
            found[f"layers.{index}.weight"] = layer.weight
            if layer.bias is not None:
                found[f"layers.{index}.bias"] = layer.bias
        return found
