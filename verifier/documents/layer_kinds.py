"""Read networks with layers of other kinds: batch normalisation, dropout, and units with a learnt slope.

Such a network becomes the graph of its layers. Its fully connected layers are read as a network of their own,
and the other layers are put between them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from verifier.documents.arrays import read_array
from verifier.documents.graph import read_graph
from verifier.documents.lowering import graph_document
from verifier.documents.network import activation_document, read_activation
from verifier.problem.errors import (
    DocumentError,
    ErrorCollector,
    MalformedSubmission,
    check_fields,
    describe,
    read_number,
    suggest_name,
)
from verifier.problem.graph import NODE
from verifier.problem.submission import Convention, GraphSubmission, Submission, examples_to_internal

KINDS = ("dense", "batch_norm", "dropout")
_PRELU = "prelu"
_FIELDS = {
    "batch_norm": ("kind", "in", "out", "epsilon", "activation"),
    "dropout": ("kind", "in", "out", "rate"),
}
_EPSILON = 1e-5  # PyTorch's
_LAYER = re.compile(r"^layers\.(\d+)(\..+)?$")
_OF_NORM = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}
_OF_PRELU = {"slope": "slope"}
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer of the document.

    place: of a fully connected layer, among those. width: its units, None if they are not known.
    """

    index: int
    kind: str
    place: int | None = None
    learns_slope: bool = False
    width: int | None = None
    epsilon: float = _EPSILON
    rate: float | None = None
    activation: str | Document = "identity"

    def extra_parameters(self) -> Mapping[str, str]:
        """Return the names of the parameters that a fully connected layer does not have, and aliases."""
        return _OF_NORM if self.kind == "batch_norm" else _OF_PRELU if self.learns_slope else {}


def has_layer_kinds(document: Any) -> bool:
    """True if a document has layers that are not fully connected, or learnt slopes."""
    network = document.get("network") if isinstance(document, Mapping) else None
    layers = network.get("layers") if isinstance(network, Mapping) else None
    if not isinstance(layers, list | tuple):
        return False
    return any(_kind(layer) != "dense" or _learns_slope(layer) for layer in layers)


def _kind(layer: Any) -> Any:
    kind = layer.get("kind") if isinstance(layer, Mapping) else None
    return "dense" if kind is None else kind


def _learns_slope(layer: Any) -> bool:
    activation = layer.get("activation") if isinstance(layer, Mapping) else None
    name = activation.get("name") if isinstance(activation, Mapping) else activation
    return isinstance(name, str) and name.casefold() == _PRELU


def read_layer_kinds(
    document: Mapping[str, Any], read_dense: Callable[[Document], Submission]
) -> GraphSubmission:
    """Return the graph of a document of layers, with the gradients of its parameters and nodes.

    read_dense: reads a document of fully connected layers alone.
    Raises: MalformedSubmission with all errors.
    """
    errors = ErrorCollector()
    layers = _read_layers(document, errors)
    if not any(layer.kind == "dense" for layer in layers):
        errors.add("/network/layers", "at least one fully connected layer", "none", "give it in and out")
        errors.raise_if_any()
    dense = _read_dense_layers(document, layers, read_dense, errors)
    convention = Convention() if dense is None else dense.convention
    if convention.weights != "in_out":
        remedy = "transpose the weights and their gradients, and leave network.weights out"
        rule = "'in_out' beside layers that are not fully connected"
        errors.add("/network/weights", rule, repr(convention.weights), remedy)
    parameters = _read_extra(document, "parameters", layers, errors)
    gradients = _read_extra(document, "gradients", layers, errors)
    masks = _read_dropout_masks(document, layers, convention, errors)
    errors.raise_if_any()
    assert dense is not None
    last_is_dense = layers[-1].kind == "dense"
    graph = _renumbered(graph_document(dense, fused=last_is_dense), layers)
    graph["network"] |= {
        "inputs": [*graph["network"]["inputs"], *masks],
        "nodes": _with_other_layers(graph["network"]["nodes"], layers),
    }
    graph["inputs"] |= masks
    graph["parameters"] |= parameters
    graph["gradients"] |= gradients
    submission = read_graph(graph)
    return replace(submission, graded_under=dense.graded_under, warnings=dense.warnings)


def _read_layers(document: Mapping[str, Any], errors: ErrorCollector) -> list[_Layer]:
    layers: list[_Layer] = []
    place, width = 0, _features(document)
    for index, layer in enumerate(document["network"]["layers"]):
        path, kind = ("network", "layers", index), _kind(layer)
        if kind == "dense":
            size = layer.get("out") if isinstance(layer, Mapping) else None
            width = size if isinstance(size, int) and not isinstance(size, bool) else None
            layers.append(_Layer(index, kind, place, _learns_slope(layer), width))
            if _learns_slope(layer) and isinstance(layer["activation"], Mapping):
                parameter = f"the parameter layers.{index}.slope"
                check_fields(dict(layer["activation"]), ("name", "slope"), (*path, "activation"), errors)
                if "slope" in layer["activation"]:
                    errors.add((*path, "activation", "slope"), parameter, "an option", "give it there")
            place += 1
            continue
        if kind not in KINDS:
            errors.add((*path, "kind"), "one of " + ", ".join(KINDS), describe(kind))
            continue
        check_fields(dict(layer), _FIELDS[kind], path, errors)
        for end in ("in", "out"):
            if width is not None and layer.get(end, width) != width:
                rule = f"{width}, the units of the layer below"
                errors.add((*path, end), rule, describe(layer[end]), f"leave {end} out")
        row = _Layer(index, kind, width=width)
        layers.append(
            _read_norm(layer, row, errors) if kind == "batch_norm" else _read_rate(layer, row, errors)
        )
    return layers


def _features(document: Mapping[str, Any]) -> int | None:
    try:
        inputs = np.shape(document.get("inputs", ()))
    except ValueError:  # lists of several lengths, which the reader of the inputs names
        return None
    columns = document["network"].get("examples") == "columns"
    return int(inputs[0 if columns else 1]) if len(inputs) == 2 else None


def _read_norm(document: Mapping[str, Any], layer: _Layer, errors: ErrorCollector) -> _Layer:
    path = ("network", "layers", layer.index)
    epsilon = read_number(document.get("epsilon", _EPSILON), (*path, "epsilon"), errors, at_least=0.0)
    if _learns_slope(document):
        errors.add((*path, "activation"), "an activation without a learnt slope", "prelu")
        return layer
    function = read_activation(document.get("activation", "identity"), (*path, "activation"), errors)
    if epsilon is None or function is None:
        return layer
    return replace(layer, epsilon=epsilon, activation=activation_document(function))


def _read_rate(document: Mapping[str, Any], layer: _Layer, errors: ErrorCollector) -> _Layer:
    if document.get("rate") is None:
        return layer
    path = ("network", "layers", layer.index, "rate")
    return replace(layer, rate=read_number(document["rate"], path, errors, at_least=0.0, below=1.0))


def _read_dense_layers(
    document: Mapping[str, Any],
    layers: list[_Layer],
    read_dense: Callable[[Document], Submission],
    errors: ErrorCollector,
) -> Submission | None:
    """Return the submission of the fully connected layers; its errors point into the whole document."""
    dense = {layer.index: layer for layer in layers if layer.kind == "dense"}
    written = document["network"]["layers"]
    part: Document = {
        **document,
        "network": {**document["network"], "layers": [_plain(written[index]) for index in dense]},
    }
    for field in ("parameters", "gradients", "masks"):
        if isinstance(document.get(field), Mapping):
            part[field] = dict(_of_dense(document[field], layers))
    if not part.get("masks"):
        part.pop("masks", None)
    try:
        return read_dense(part)
    except MalformedSubmission as malformed:
        indices = list(dense)
        for record in malformed.errors:
            pointer = re.sub(
                r"^(/network/layers/|/(?:parameters|gradients|masks)/layers\.)(\d+)",
                lambda match: (
                    f"{match[1]}{indices[int(match[2])]}" if int(match[2]) < len(indices) else match[0]
                ),
                record.pointer,
            )
            errors.records.append(DocumentError(pointer, record.expected, record.actual, record.remedy))
        return None


def _plain(layer: Any) -> Any:
    """Return a fully connected layer without its kind and its learnt slope; anything else as it is."""
    if not isinstance(layer, Mapping):
        return layer
    plain = {field: value for field, value in layer.items() if field != "kind"}
    return {**plain, "activation": "identity"} if _learns_slope(layer) else plain


def _of_dense(arrays: Mapping[str, Any], layers: list[_Layer]) -> list[tuple[str, Any]]:
    """Return the arrays of fully connected layers, numbered among those; and those of no layer."""
    rows = []
    by_index = {layer.index: layer for layer in layers}
    for name, array in arrays.items():
        match = _LAYER.match(str(name))
        layer = by_index.get(int(match[1])) if match else None
        if match is None or layer is None:
            if not str(name).startswith(NODE):
                rows.append((name, array))
        elif layer.place is not None and (match[2] or "").lstrip(".") not in layer.extra_parameters():
            rows.append((f"layers.{layer.place}{match[2] or ''}", array))
    return rows


def _read_extra(
    document: Mapping[str, Any], field: str, layers: list[_Layer], errors: ErrorCollector
) -> Document:
    """Return the arrays of layers that are not fully connected, of learnt slopes, and of nodes."""
    arrays = document.get(field)
    if not isinstance(arrays, Mapping):
        return {}
    result: Document = {}
    for layer in layers:
        known = layer.extra_parameters()
        prefix = f"layers.{layer.index}."
        for name, value in arrays.items():
            kind = str(name).removeprefix(prefix)
            if kind == name or (kind not in known and layer.place is not None):
                continue
            if kind not in known:
                remedy = suggest_name(str(name), [prefix + each for each in dict.fromkeys(known.values())])
                errors.add((field, name), "the name of a parameter of this network", f"{kind[:60]!r}", remedy)
                continue
            array = read_array(value, (field, name), errors, finite=field == "parameters")
            shapes = [(layer.width,)] if layer.kind == "batch_norm" else [(), (1,), (layer.width,)]
            if array is not None and layer.width is not None and tuple(array.shape) not in shapes:
                errors.add((field, name), " or ".join(f"shape {shape}" for shape in shapes), str(array.shape))
            elif array is not None:
                result[prefix + known[kind]] = array
        if field == "parameters":
            for kind in dict.fromkeys(known.values()):
                if prefix + kind not in result and not any(
                    e.pointer.startswith(f"/{field}/{prefix}") for e in errors.records
                ):
                    errors.add(
                        (field, prefix + kind), f"an array of shape {(layer.width,)}", "nothing", "add it"
                    )
    if field == "gradients":
        result |= {name: value for name, value in arrays.items() if str(name).startswith(NODE)}
    return result


def _read_dropout_masks(
    document: Mapping[str, Any], layers: list[_Layer], convention: Convention, errors: ErrorCollector
) -> Document:
    """Return the masks of dropout layers by the name of the graph's input."""
    masks = document.get("masks")
    result: Document = {}
    for layer in layers:
        name = f"layers.{layer.index}"
        if layer.kind == "batch_norm" and isinstance(masks, Mapping) and name in masks:
            rule = "a mask of a fully connected or a dropout layer"
            errors.add(("masks", name), rule, "one of batch_norm", "put a dropout layer behind it")
        if layer.kind != "dropout":
            continue
        value = masks.get(name) if isinstance(masks, Mapping) else None
        if value is None:
            remedy = "give the mask that the forward pass drew, its scale included"
            errors.add(("masks", name), "a mask of 0 and the scale of what is kept", "nothing", remedy)
            continue
        array = read_array(value, ("masks", name), errors)
        if array is None:
            continue
        mask = examples_to_internal(array, convention)
        if mask.ndim != 2 or (layer.width is not None and mask.shape[1] != layer.width):
            errors.add(("masks", name), f"shape (N, {layer.width})", str(tuple(mask.shape)))
        elif (
            layer.rate is not None
            and not np.isin(mask.round(6), np.round([0, 1 / (1 - layer.rate)], 6)).all()
        ):
            scale = 1.0 / (1.0 - layer.rate)
            rule = f"a mask of 0 and 1 / (1 - rate) = {scale:g}"
            errors.add(("masks", name), rule, "other numbers", "leave rate out for a mask without a scale")
        else:
            result[f"masks.{name}"] = mask
    return result


def _renumbered(graph: Document, layers: list[_Layer]) -> Document:
    """Return the graph with its layers numbered as in the document."""
    indices = {layer.place: layer.index for layer in layers if layer.place is not None}

    def name(text: Any) -> Any:
        if not isinstance(text, str):
            return text
        match = re.match(r"^(a|z|product|masked|layers\.|masks\.layers\.)(\d+)(\..+)?$", text)
        return f"{match[1]}{indices[int(match[2])]}{match[3] or ''}" if match else text

    network = graph["network"]
    nodes = [
        {**node, "name": name(node["name"]), "args": [name(operand) for operand in node["args"]]}
        for node in network["nodes"]
    ]
    renamed = {
        field: {name(key): array for key, array in graph[field].items()}
        for field in ("inputs", "parameters", "gradients")
    }
    inputs = [name(text) for text in network["inputs"]]
    return {**graph, **renamed, "network": {**network, "inputs": inputs, "nodes": nodes}}


def _with_other_layers(nodes: list[Document], layers: list[_Layer]) -> list[Document]:
    """Return the nodes with those of other layers in their places, and learnt slopes."""
    by_name = {node["name"]: node for node in nodes}
    result: list[Document] = []
    point, moved = "inputs", {}
    for layer in layers:
        i = layer.index
        if layer.kind == "dense":
            names = [name for name in (f"product{i}", f"a{i}", f"z{i}", f"masked{i}") if name in by_name]
            rows = [dict(by_name.pop(name)) for name in names]
            rows[0]["args"] = [point, *rows[0]["args"][1:]]
            for row in rows:
                if layer.learns_slope and row["name"] == f"z{i}":
                    row |= {"op": _PRELU, "args": [f"a{i}", f"layers.{i}.slope"]}
            result += rows
            point = before = names[-1]
            moved = {"from": before}
        elif layer.kind == "dropout":
            result.append({"name": f"z{i}", "op": "multiply", "args": [point, f"masks.layers.{i}"]})
            point = f"z{i}"
        else:
            affine = [f"layers.{i}.weight", f"layers.{i}.bias"]
            options = {"epsilon": layer.epsilon}
            result.append({"name": f"a{i}", "op": "batch_norm", "args": [point, *affine], **options})
            written = layer.activation
            function = {"name": written} if isinstance(written, str) else dict(written)
            operation = function.pop("name")
            result.append({"name": f"z{i}", "op": operation, "args": [f"a{i}"], **function})
            point = f"z{i}"
    outputs = moved["from"]
    for node in by_name.values():
        result.append({**node, "args": [point if name == outputs else name for name in node["args"]]})
    return result
