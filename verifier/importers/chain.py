"""Collect the layers of a network in forward order, and the parts that cannot be imported."""

from dataclasses import replace
from typing import Any

from verifier.documents.mistakes import MOST, Mistake
from verifier.importers.imported import SourceArray, SourceLayer, SourceNetwork
from verifier.importers.refusal import ImportRefused

LAYER = "a layer of a multilayer perceptron (fully connected, an activation, flatten, dropout that is off)"


class Chain:
    """A collector of layers. It continues after a refusal, so that one error names all refused parts."""

    def __init__(self) -> None:
        self._layers: list[SourceLayer] = []
        self._refusals: list[Mistake] = []
        self._used: dict[str, str] = {}
        self._flattens = False

    def refuse(self, where: str, found: str, remedy: str = "", *, expected: str = LAYER) -> None:
        """Add the refusal of a part, with the part's name in the source."""
        self._refusals.append(Mistake(where, expected, found, remedy))

    def linear(self, where: str, weight: SourceArray, bias: SourceArray | None) -> None:
        """Add a fully connected layer; its activation is the identity until `activation` is called."""
        for array in (weight, bias):
            if array is not None and array.name in self._used:
                actual = f"{array.name!r}, which {self._used[array.name]!r} uses already"
                self.refuse(where, actual, expected="weights of its own in every layer")
            elif array is not None:
                self._used[array.name] = where
        if weight.values.ndim != 2 or 0 in weight.values.shape:
            self.refuse(where, f"shape {weight.values.shape}", expected=f"a matrix as {weight.name!r}")
            return
        inputs, outputs = weight.sizes
        previous_outputs = self._layers[-1].weight.sizes[1] if self._layers else inputs
        if inputs != previous_outputs:
            rule = f"a layer of {previous_outputs} inputs, what the layer below puts out"
            self.refuse(where, f"one of {inputs}", expected=rule)
        shapes = ((outputs,), (1, outputs), (outputs, 1))
        if bias is not None and bias.values.shape not in shapes:
            self.refuse(where, f"shape {bias.values.shape}", expected=f"{bias.name!r} of shape ({outputs},)")
        self._layers.append(SourceLayer(weight, bias))

    def activation(self, where: str, document: str | dict[str, Any]) -> None:
        """Set the activation of the last layer."""
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
        """Note that examples are flattened to rows, if no layer was added yet."""
        self._flattens = self._flattens or not self._layers

    def finished(self, loss: dict[str, Any] | None = None) -> SourceNetwork:
        """Return the network. Raises: ImportRefused with all refused parts."""
        if not self._refusals and not self._layers:
            self.refuse("", "none", expected="at least one fully connected layer")
        if self._refusals:
            raise ImportRefused(self._refusals[:MOST])
        return SourceNetwork(tuple(self._layers), self._flattens, loss or {})


def _name(document: str | dict[str, Any]) -> str:
    return document if isinstance(document, str) else str(document["name"])
