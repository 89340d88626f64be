"""Data structures of an imported network, in the names, layouts and factors of its source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from reference_impl.array import Array


@dataclass(frozen=True, slots=True, eq=False)
class SourceArray:
    """One weight or bias with its name in the source. The network computes with factor · values.

    layout: `in_out` or `out_in` for a weight, None for a bias.
    """

    name: str
    values: Array
    layout: str | None = None
    factor: float = 1.0

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers (inputs, outputs) of a weight."""
        first, second = self.values.shape
        return (second, first) if self.layout == "out_in" else (first, second)


@dataclass(frozen=True, slots=True, eq=False)
class SourceLayer:
    """A fully connected layer.

    activation: as in the document; None if the source has none after the layer.
    """

    weight: SourceArray
    bias: SourceArray | None
    activation: str | dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SourceNetwork:
    """A multilayer perceptron.

    flattens: the source flattens each example to a row. loss: the source's loss, empty if it has none.
    """

    layers: tuple[SourceLayer, ...]
    flattens: bool = False
    loss: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def parameters(self) -> dict[str, SourceArray]:
        """Return all arrays by their name in the document, in order."""
        by_name = {}
        for index, layer in enumerate(self.layers):
            by_name[f"layers.{index}.weight"] = layer.weight
            if layer.bias is not None:
                by_name[f"layers.{index}.bias"] = layer.bias
        return by_name
