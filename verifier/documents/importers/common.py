"""Collect the layers of a network in forward order, and the parts that cannot be imported."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import dtype_of, tensors_to_numpy
from verifier.documents.reading import read_submission
from verifier.problem.errors import MOST, DocumentError, ErrorCollector, MalformedSubmission, suggest_name


class ImportRefused(MalformedSubmission):
    """The source cannot be imported; `errors` names all unsupported parts."""


class MissingLibrary(ImportError):  # noqa: N818 -- as ImportRefused
    """The library for a source is not installed."""


class Unsupported(ValueError):  # noqa: N818 -- as ImportRefused
    """One unsupported part, without its location; the chain adds the location."""

    def __init__(self, actual: str, remedy: str = "") -> None:
        super().__init__(actual)
        self.actual, self.remedy = actual, remedy


def refused(where: str, expected: str, actual: str, remedy: str = "") -> ImportRefused:
    """Return the exception for one unsupported part. where: its name in the source."""
    return ImportRefused([DocumentError(where, expected, actual, remedy)])


def library(name: str, install: str) -> ModuleType:
    """Import and return a source's library. Raises: MissingLibrary with the package to install."""
    try:
        return import_module(name)
    except (ImportError, OSError) as error:  # OSError: a shared library cannot be loaded
        raise MissingLibrary(
            f"expected the package {name.partition('.')[0]!r} for this source, got none ({error}); "
            f"install {install}"
        ) from None


def array_of(value: Any) -> Array:
    """Return a numpy array; bfloat16 as float32. Raises: ImportRefused for ragged lists."""
    value = tensors_to_numpy(value)
    if type(value).__module__.startswith("keras"):  # a Keras variable
        return array_of(value.value)
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        raise refused("", "an array, all rows equally long", "rows of different lengths") from None
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


@dataclass(frozen=True, slots=True)
class Importer:
    """One source of networks.

    module, function: the importer, loaded at its first use.
    reads: a description of the source for help texts.
    from_files: it accepts files. Otherwise it needs a live object, because the usual file is a pickle, which
        can run arbitrary code.
    further_files: the arguments for the second and later files of the command line.
    required, optional: further required and optional arguments of the command line.
    extra: the optional dependency with the source's library; None if no extra is needed.
    """

    name: str
    module: str
    function: str
    reads: str
    from_files: bool = False
    further_files: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    extra: str | None = None

    def load(self) -> Callable[..., dict[str, Any]]:
        """Import the module and return the function."""
        function: Callable[..., dict[str, Any]] = getattr(import_module(self.module), self.function)
        return function


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


Gradients = Mapping[str, Any] | Sequence[Any] | None


def import_to_document(
    network: SourceNetwork,
    *,
    inputs: Any,
    targets: Any,
    loss: Any,
    gradients: Gradients,
    fields: dict[str, Any],
) -> dict[str, Any]:
    """Return the document, checked by `read_submission`.

    gradients: by the source's names and in its layouts, or a list in the order of the parameters.
    fields: further fields of the document, copied unchanged. Raises: MalformedSubmission.
    """
    parameters = network.parameters()
    layout = network.layers[0].weight.layout
    document: dict[str, Any] = {
        **fields,
        "network": {
            "layers": [
                {
                    "in": layer.weight.sizes[0],
                    "out": layer.weight.sizes[1],
                    "activation": layer.activation or "identity",
                    **({} if layer.bias is not None else {"bias": False}),
                }
                for layer in network.layers
            ],
            "weights": layout,
        },
        "loss": _loss(network, loss),
        "parameters": {
            name: _in_layout(array, _scaled(array.values, array.factor), layout)
            for name, array in parameters.items()
        },
        "inputs": _inputs(network, inputs),
        "targets": array_of(targets),
    }
    submitted = _by_source_name(gradients, parameters)
    document["gradients"] = {
        name: _in_layout(array, _scaled(array_of(submitted[array.name]), 1.0 / array.factor), layout)
        for name, array in parameters.items()
        if submitted.get(array.name) is not None
    }
    formats = {dtype_of(submitted[array.name]) for array in parameters.values() if array.name in submitted}
    if len(formats) == 1 and (only := formats.pop()) is not None:
        document.setdefault("precision", only)  # lists in JSON have no dtype
    read_submission(document)
    return document


def _loss(network: SourceNetwork, loss: Any) -> Any:
    """Return the caller's loss, or the source's. Its penalties are kept unless the caller has any."""
    source_loss = dict(network.loss)
    if loss is None:
        return source_loss
    penalties = {key: source_loss[key] for key in ("l2", "l1") if key in source_loss}
    if not penalties:
        return loss
    if isinstance(loss, str):
        loss = {"preset" if "." in loss else "name": loss}
    return {**penalties, **loss} if isinstance(loss, Mapping) else loss


def _inputs(network: SourceNetwork, inputs: Any) -> Array:
    array = array_of(inputs)
    return array.reshape(array.shape[0], -1) if network.flattens and array.ndim > 2 else array


def _scaled(values: Array, factor: float) -> Array:
    return values if factor == 1.0 else np.asarray(values * factor)


def _in_layout(array: SourceArray, values: Array, layout: str | None) -> Array:
    return values.T if array.layout not in (None, layout) else values


def _by_source_name(gradients: Gradients, parameters: Mapping[str, SourceArray]) -> Mapping[str, Any]:
    names = [array.name for array in parameters.values()]
    errors = ErrorCollector()
    by_name: dict[str, Any] = {}
    if isinstance(gradients, Mapping):
        for name, value in gradients.items():
            source_name = next(
                (
                    candidate
                    for candidate in names
                    if name == candidate or str(name).endswith(f"/{candidate}")
                ),
                None,
            )
            if source_name is None:
                rule = "the name of a parameter, as its source names it"
                errors.add(
                    ("gradients", name),
                    rule,
                    f"{str(name)[:60]!r}",
                    suggest_name(name, names, gradients),
                )
            else:
                by_name[source_name] = value
    elif gradients is not None:
        if len(gradients) != len(names):
            rule = f"{len(names)} arrays, in the order {', '.join(names[:10])}"
            errors.add("/gradients", rule, f"{len(gradients)}")
        by_name = dict(zip(names, gradients, strict=False))
    errors.raise_if_any()
    return by_name


LAYER = "a layer of a multilayer perceptron (fully connected, an activation, flatten, dropout that is off)"


class LayerCollector:
    """A collector of layers. It continues after a refusal, so that one error names all refused parts."""

    def __init__(self) -> None:
        self._layers: list[SourceLayer] = []
        self._refusals: list[DocumentError] = []
        self._used: dict[str, str] = {}
        self._flattens = False

    def refuse(self, where: str, actual: str, remedy: str = "", *, expected: str = LAYER) -> None:
        """Add the refusal of a part, with the part's name in the source."""
        self._refusals.append(DocumentError(where, expected, actual, remedy))

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
