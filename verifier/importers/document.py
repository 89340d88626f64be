"""Convert an imported network, with inputs, targets and gradients, to a document."""

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
    mistakes = Mistakes()
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
                mistakes.add(
                    at("/gradients", name), rule, f"{str(name)[:60]!r}", nearest(name, names, gradients)
                )
            else:
                by_name[source_name] = value
    elif gradients is not None:
        if len(gradients) != len(names):
            rule = f"{len(names)} arrays, in the order {', '.join(names[:10])}"
            mistakes.add("/gradients", rule, f"{len(gradients)}")
        by_name = dict(zip(names, gradients, strict=False))
    mistakes.raise_if_any()
    return by_name
