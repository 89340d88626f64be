"""Read the network of layers, its parameters and its gradients, and check names and shapes."""

import inspect
from collections.abc import Mapping
from functools import cache
from math import prod
from typing import Any, TypeAlias

import numpy as np

from reference_impl.activations import ACTIVATIONS, Activation, activation
from reference_impl.array import Array
from reference_impl.network import Layer, LayerParameters, Network
from verifier.documents.arrays import read_arrays
from verifier.problem.errors import (
    MOST,
    ErrorCollector,
    Path,
    check_fields,
    describe,
    read_choice,
    read_number,
    suggest_name,
)
from verifier.problem.other_words import ACTIVATIONS as OTHER_ACTIVATIONS
from verifier.problem.other_words import AS_GRAPH, LAYER_FIELDS
from verifier.problem.submission import EXAMPLE_AXES, WEIGHT_LAYOUTS, Convention

Shape: TypeAlias = tuple[int, ...]

_FIELDS = ("layers", "weights", "examples")
# other libraries' names, by the name without underscores
_ACTIVATION_ALIASES = {
    "linear": "identity",
    "none": "identity",
    "logistic": "sigmoid",
    "swish": "silu",
    "leakyrelu": "leaky_relu",
    "gelutanh": "gelu_tanh",
    "hardswish": "hardswish",
    "hardtanh": "hardtanh",
    "logsigmoid": "log_sigmoid",
    "logsoftmax": "log_softmax",
}
_PARTS_SHOWN = 2
_MOST_UNITS = 2**31
_LAYER_FIELDS = ("in", "out", "activation", "bias", "kind")


def read_network(
    document: Any, path: Path, errors: ErrorCollector
) -> tuple[Network | None, Convention, dict[str, Shape]]:
    """Return the network, the layouts of its arrays, and the shape of every parameter in that layout.

    The network is None, and no shape is known, if a layer is malformed.
    """
    if not isinstance(document, dict):
        remedy = 'such as {"layers": [{"in": 3, "out": 4, "activation": "tanh"}, {"in": 4, "out": 2}]}'
        errors.add(path, "a network, an object with a list of layers", describe(document), remedy)
        return None, Convention(), {}
    if document.keys() - _FIELDS:
        check_fields(document, _FIELDS, path, errors)
    weights, examples = document.get("weights", "in_out"), document.get("examples", "rows")
    if not isinstance(weights, str) or weights not in WEIGHT_LAYOUTS:
        weights = read_choice(weights, WEIGHT_LAYOUTS, (*path, "weights"), errors)
    if not isinstance(examples, str) or examples not in EXAMPLE_AXES:
        examples = read_choice(examples, EXAMPLE_AXES, (*path, "examples"), errors)
    layers = document.get("layers")
    network = None
    if not isinstance(layers, list) or not layers:
        actual = describe(layers) if "layers" in document else "nothing"
        errors.add((*path, "layers"), "a list of at least one layer", actual)
    else:
        network = _read_layers(layers, (*path, "layers"), errors)
    convention = Convention(weights or "in_out", examples or "rows")
    return network, convention, {} if network is None else _parameter_shapes(network, convention)


def _read_layers(documents: list[Any], path: Path, errors: ErrorCollector) -> Network | None:
    layers = [_read_layer(item, (*path, index), errors) for index, item in enumerate(documents)]
    all_fit = True
    for index in range(1, len(layers)):
        previous, current = layers[index - 1], layers[index]
        if previous is not None and current is not None and previous.outputs != current.inputs:
            all_fit = False
            errors.add(
                (*path, index, "in"),
                f"{previous.outputs}, what layer {index - 1} puts out",
                str(current.inputs),
                "make neighbouring layers fit",
            )
    valid = tuple(layer for layer in layers if layer is not None)
    return Network(valid) if all_fit and len(valid) == len(layers) else None


def _read_layer(document: Any, path: Path, errors: ErrorCollector) -> Layer | None:
    if not isinstance(document, dict):
        errors.add(path, 'a layer, such as {"in": 3, "out": 4}', describe(document))
        return None
    if document.keys() - _LAYER_FIELDS:
        check_fields(document, _LAYER_FIELDS, path, errors, LAYER_FIELDS)
    sizes = [_read_size(document, end, path, errors) for end in ("in", "out")]
    bias = document.get("bias", True)
    if not isinstance(bias, bool):
        errors.add((*path, "bias"), "true or false", describe(bias))
    row = read_activation(document.get("activation", "identity"), (*path, "activation"), errors)
    if sizes[0] is None or sizes[1] is None or row is None or not isinstance(bias, bool):
        return None
    return Layer(sizes[0], sizes[1], row, bias)


def _read_size(document: dict[str, Any], end: str, path: Path, errors: ErrorCollector) -> int | None:
    size = document.get(end)
    if isinstance(size, float) and size.is_integer():
        size = int(size)  # other languages write 3 as 3.0
    if isinstance(size, int | np.integer) and not isinstance(size, bool) and 1 <= size < _MOST_UNITS:
        return int(size)
    actual = describe(size) if end in document else "nothing"
    remedy = "write numbers without quotes" if isinstance(size, str) else ""
    errors.add((*path, end), "a whole number of at least 1, below 2**31", actual, remedy)
    return None


def read_activation(document: Any, path: Path, errors: ErrorCollector) -> Activation | None:
    """Return the activation of `"relu"` or `{"name": "leaky_relu", "slope": 0.01}`."""
    if isinstance(document, dict) and "name" in document:
        name_path, options = (
            (*path, "name"),
            {k: v for k, v in document.items() if k != "name"},
        )
        document = document["name"]
    else:
        name_path, options = path, {}
    if document is None:
        document = "identity"
    if isinstance(document, str) and document not in ACTIVATIONS:
        plain = document.casefold().replace("_", "")
        folded = document.casefold()
        document = _ACTIVATION_ALIASES.get(plain, folded if folded in ACTIVATIONS else document)
    if not isinstance(document, str) or document not in ACTIVATIONS:
        remedy = AS_GRAPH if isinstance(document, str) else 'give its name, such as "tanh"'
        read_choice(document, ACTIVATIONS, name_path, errors, OTHER_ACTIVATIONS, remedy)
        return None
    if not options:
        return _with_defaults(document)
    errors_before = len(errors.records)
    check_fields(options, _options_of(document), path, errors)
    numbers = {key: read_number(value, (*path, key), errors) for key, value in options.items()}
    return None if len(errors.records) > errors_before else activation(document, **numbers)


_with_defaults = cache(activation)


@cache
def _options_of(name: str) -> tuple[str, ...]:
    return tuple(inspect.signature(ACTIVATIONS[name]).parameters)


def activation_document(row: Activation) -> str | dict[str, Any]:
    """Return the document of an activation with all its options, the inverse of `read_activation`."""
    return {"name": row.name, **row.options} if row.options else row.name


_TRANSPOSE_REMEDY = "transpose the gradient; it has its parameter's shape"


def _parameter_shapes(network: Network, convention: Convention) -> dict[str, Shape]:
    """Return the shape of every parameter by name, in order, as submissions of this layout have it."""
    shapes: dict[str, Shape] = {}
    for index, layer in enumerate(network.layers):
        shape = (layer.inputs, layer.outputs)
        shapes[f"layers.{index}.weight"] = shape[::-1] if convention.weights == "out_in" else shape
        if layer.bias:
            shapes[f"layers.{index}.bias"] = (layer.outputs,)
    return shapes


def _bias_shapes(shape: Shape) -> list[Shape]:
    """Return the accepted shapes of a parameter: a bias may be a row or a column as well."""
    return [shape, (1, *shape), (*shape, 1)] if len(shape) == 1 else [shape]


def to_internal_layout(arrays: Mapping[str, Array], convention: Convention) -> dict[str, Array]:
    """Return parameters, or their gradients, by name: weights (in, out), biases (out,)."""
    transposed = convention.weights == "out_in"
    return {
        name: array.ravel() if name.endswith(".bias") else array.T if transposed else array
        for name, array in arrays.items()
    }


def read_parameters(
    document: dict[str, Any], expected: Mapping[str, Shape], convention: Convention, errors: ErrorCollector
) -> tuple[tuple[LayerParameters, ...] | None, dict[str, Shape]]:
    """Return the parameters in internal layout, and the submitted shapes of those that are valid.

    expected: the shape of every parameter by name; empty if the network is malformed.
    The parameters are None if one of them is malformed.
    """
    arrays, shapes = read_arrays(document, "parameters", errors), dict[str, Shape]()
    if not expected or arrays is None:
        return None, {}
    _check_names(arrays, list(expected), ("parameters",), errors)
    all_fit = True
    for name, shape in expected.items():
        if name not in document["parameters"]:
            remedy = (
                "add it"
                if len(shape) > 1
                else f'add it, or write "bias": false in layer {name.split(".")[1]}'
            )
            errors.add(("parameters", name), f"an array of shape {shape}", "nothing", remedy)
        array = arrays.get(name)
        path, remedy = ("parameters", name), _layout_remedy(convention)
        if array is None or not _check_shape(array, _bias_shapes(shape), path, remedy, errors):
            all_fit = False
        else:
            shapes[name] = tuple(array.shape)
    if not all_fit:
        return None, shapes
    valid = {name: array for name in expected if (array := arrays[name]) is not None}
    internal = to_internal_layout(valid, convention)
    layers = [
        LayerParameters(weight, internal.get(name.replace("weight", "bias")))
        for name, weight in internal.items()
        if name.endswith("weight")
    ]
    return tuple(layers), shapes


def _check_names(arrays: Mapping[str, Any], names: list[str], path: Path, errors: ErrorCollector) -> None:
    known = set(names)
    depth = int(names[-1].split(".")[1]) + 1
    next_layer = {f"layers.{depth}.weight", f"layers.{depth}.bias"}
    for name in [name for name in arrays if name not in known][:MOST]:
        remedy = suggest_name(name, names, taken=arrays)
        if "mean" not in remedy and str(name) in next_layer:
            remedy = f"layers count from 0; {remedy}"
        elif "mean" not in remedy and not str(name).startswith("layers."):
            remedy = f'say what it means, "names": {{"{str(name)[:60]}": …}}; {remedy}'
        errors.add((*path, name), "the name of a parameter of this network", f"{str(name)[:60]!r}", remedy)


def _layout_remedy(convention: Convention) -> str:
    """Return the remedy for a weight in the other layout."""
    if convention.weights == "in_out":
        return "for PyTorch's layout set network.weights to out_in"
    return "for inputs first set network.weights to in_out"


def _check_shape(
    array: Array,
    accepted_shapes: list[Shape],
    path: Path,
    remedy_if_transposed: str,
    errors: ErrorCollector,
    remedy: str = "",
) -> bool:
    shape = tuple(array.shape)
    if shape in accepted_shapes:
        return True
    if len(accepted_shapes[0]) == 2 and shape == accepted_shapes[0][::-1]:
        remedy = remedy_if_transposed
    accepted = " or ".join(dict.fromkeys(map(str, accepted_shapes)))
    errors.add(path, f"shape {accepted}", str(shape), remedy)
    return False


def _remedy_of_gradients(value: Any, shapes: Mapping[str, Shape]) -> str:
    """Return how to name the arrays of a flat vector, or of a result of another form."""
    length = len(value) if isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1 else 0
    if isinstance(value, tuple | list) and any(isinstance(item, Mapping) for item in value):
        return "give the gradients alone"
    if length != sum(prod(shape) for shape in shapes.values()):
        return f'such as {{"{next(iter(shapes))}": …}}'
    parts, start = [], 0
    for name, shape in list(shapes.items())[:_PARTS_SHOWN]:
        end = start + prod(shape)
        reshaped = f".reshape{shape}" if len(shape) > 1 else ""
        parts.append(f'"{name}": g[{start}:{end}]{reshaped}')
        start = end
    return f"split the vector g: {{{', '.join(parts)}, …}}"


def read_gradients(
    document: dict[str, Any],
    expected: Mapping[str, Shape],
    convention: Convention,
    shapes: Mapping[str, Shape],
    errors: ErrorCollector,
) -> dict[str, Array]:
    """Return the gradients by parameter, in internal layout.

    expected: as in `read_parameters`.
    shapes: the submitted shapes of the valid parameters, which gradients must have, too.
    """
    submitted = document.get("gradients", {})
    if expected and not isinstance(submitted, Mapping):
        rule = f"an object of arrays by name, or a list of the {len(expected)} gradients in order"
        errors.add("/gradients", rule, describe(submitted), _remedy_of_gradients(submitted, expected))
        return {}
    arrays = read_arrays(document, "gradients", errors, finite=False) or {}
    if expected:
        _check_names(arrays, list(expected), ("gradients",), errors)
    for name, array in arrays.items():
        shape = shapes.get(name) or expected.get(name)
        if array is None or shape is None or array.shape == shape:
            continue
        accepted_shapes = _bias_shapes(expected[name])
        accepted_shapes.sort(key=lambda each: each != shape)
        remedy = _TRANSPOSE_REMEDY if name in shapes else _layout_remedy(convention)
        others = [other for other in expected if expected[other] == array.shape and other in arrays]
        exchanged = f"that is the shape of {others[0]}: were two exchanged?" if others else ""
        if _check_shape(array, accepted_shapes, ("gradients", name), remedy, errors, exchanged):
            arrays[name] = array.reshape(shape)
    valid = {name: array for name, array in arrays.items() if array is not None}
    return to_internal_layout(valid, convention)
