"""An imported network and its caller's question as the contract's document: the way out of every importer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import dtype_of
from verifier.documents.mistakes import Mistakes, at, nearest
from verifier.documents.reading import read_submission
from verifier.importers.imported import SourceArray, SourceNetwork
from verifier.importers.numbers import array_of

Gradients = Mapping[str, Any] | Sequence[Any] | None


def document_of_import(
    network: SourceNetwork,
    *,
    inputs: Any,
    targets: Any,
    loss: Any,
    gradients: Gradients,
    fields: dict[str, Any],
) -> dict[str, Any]:
    """Give the document, checked as any submission is.

    gradients: by the source's names and in its layouts, or a list in the order of the parameters.
    fields: further fields of the document, as they are. Raises: MalformedSubmission.
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
            name: _turned(array, _scaled(array.values, array.factor), layout)
            for name, array in parameters.items()
        },
        "inputs": _inputs(network, inputs),
        "targets": array_of(targets),
    }
    submitted = _by_source_name(gradients, parameters)
    document["gradients"] = {
        name: _turned(array, _scaled(array_of(submitted[array.name]), 1.0 / array.factor), layout)
        for name, array in parameters.items()
        if submitted.get(array.name) is not None
    }
    formats = {dtype_of(submitted[array.name]) for array in parameters.values() if array.name in submitted}
    if len(formats) == 1 and (only := formats.pop()) is not None:
        document.setdefault("precision", only)  # JSON's lists could not tell
    read_submission(document)
    return document


def _loss(network: SourceNetwork, loss: Any) -> Any:
    """Give the caller's loss, or the source's; penalties, where the caller names none, are the source's."""
    own = dict(network.loss)
    if loss is None:
        return own
    penalties = {key: own[key] for key in ("l2", "l1") if key in own}
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


def _turned(array: SourceArray, values: Array, layout: str | None) -> Array:
    return values.T if array.layout not in (None, layout) else values


def _by_source_name(gradients: Gradients, parameters: Mapping[str, SourceArray]) -> Mapping[str, Any]:
    names = [array.name for array in parameters.values()]
    mistakes = Mistakes()
    found: dict[str, Any] = {}
    if isinstance(gradients, Mapping):
        for name, value in gradients.items():
            own = next((one for one in names if name == one or str(name).endswith(f"/{one}")), None)
            if own is None:
                rule = "the name of a parameter, as its source names it"
                mistakes.add(
                    at("/gradients", name), rule, f"{str(name)[:60]!r}", nearest(name, names, gradients)
                )
            else:
                found[own] = value
    elif gradients is not None:
        if len(gradients) != len(names):
            rule = f"{len(names)} arrays, in the order {', '.join(names[:10])}"
            mistakes.add("/gradients", rule, f"{len(gradients)}")
        found = dict(zip(names, gradients, strict=False))
    mistakes.raise_if_any()
    return found
