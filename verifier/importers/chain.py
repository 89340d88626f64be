"""Puts together the layers that an importer meets, in forward order, and notes what is none."""

from dataclasses import replace
from typing import Any

from verifier.documents.mistakes import MOST, Mistake
from verifier.importers.imported import SourceArray, SourceLayer, SourceNetwork
from verifier.importers.refusal import ImportRefused

LAYER = "a layer of a multilayer perceptron (fully connected, an activation, flatten, dropout that is off)"


class Chain:
    """Collects layers; goes on after a refusal, so that every part in the way is named at once."""

    def __init__(self) -> None:
        self._layers: list[SourceLayer] = []
        self._refusals: list[Mistake] = []
        self._used: dict[str, str] = {}
        self._flattens = False

    def refuse(self, where: str, found: str, remedy: str = "", *, expected: str = LAYER) -> None:
        """Note a part that stands in the way, under its source's name."""
        self._refusals.append(Mistake(where, expected, found, remedy))

    def linear(self, where: str, weight: SourceArray, bias: SourceArray | None) -> None:
        """Add a fully connected layer, the identity until an activation follows."""
        for array in (weight, bias):
            if array is not None and array.name in self._used:
                found = f"{array.name!r}, which {self._used[array.name]!r} uses already"
                self.refuse(where, found, expected="weights of its own in every layer")
            elif array is not None:
                self._used[array.name] = where
        if weight.values.ndim != 2 or 0 in weight.values.shape:
            self.refuse(where, f"shape {weight.values.shape}", expected=f"a matrix as {weight.name!r}")
            return
        inputs, outputs = weight.sizes
        below = self._layers[-1].weight.sizes[1] if self._layers else inputs
        if inputs != below:
            rule = f"a layer of {below} inputs, what the layer below puts out"
            self.refuse(where, f"one of {inputs}", expected=rule)
        shapes = ((outputs,), (1, outputs), (outputs, 1))
        if bias is not None and bias.values.shape not in shapes:
            self.refuse(where, f"shape {bias.values.shape}", expected=f"{bias.name!r} of shape ({outputs},)")
        self._layers.append(SourceLayer(weight, bias))

    def activation(self, where: str, document: str | dict[str, Any]) -> None:
        """Give the last layer its activation."""
        if document == "identity":
            return
        if not self._layers:
            rule = "a fully connected layer before the first activation"
            self.refuse(where, "an activation of the inputs", "apply it to the inputs", expected=rule)
        elif self._layers[-1].activation is not None:
            rule = "one activation after a fully connected layer"
            self.refuse(where, f"a second one, {_name(document)}", expected=rule)
        else:
            self._layers[-1] = replace(self._layers[-1], activation=document)

    def flatten(self) -> None:
        """Flatten every example to a row; rows stay as they are."""
        self._flattens = self._flattens or not self._layers

    def finished(self, loss: dict[str, Any] | None = None) -> SourceNetwork:
        """Give the network. Raises: ImportRefused naming every part that stands in the way."""
        if not self._refusals and not self._layers:
            self.refuse("", "none", expected="at least one fully connected layer")
        if self._refusals:
            raise ImportRefused(self._refusals[:MOST])
        return SourceNetwork(tuple(self._layers), self._flattens, loss or {})


def _name(document: str | dict[str, Any]) -> str:
    return document if isinstance(document, str) else str(document["name"])
