"""The contract's document to a Submission: conventions converted, every mistake found at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Batch, LayerParameters, Network
from reference_impl.problem import Problem
from verifier.caution import Caution
from verifier.convention import Convention, internal_examples, internal_weight
from verifier.documents.arrays import NON_FINITE, dtype_of, read_array
from verifier.documents.loss_reading import read_loss
from verifier.documents.mistakes import (
    Mistakes,
    at,
    check_fields,
    nearest,
    read_choice,
    read_number,
    shown,
)
from verifier.documents.network_reading import read_network
from verifier.documents.targets_reading import read_targets
from verifier.precision import PRECISIONS, Precision, rounded
from verifier.submission import Submission
from verifier.tolerance import TOLERANCES, Tolerance

FIELDS = (
    "name", "network", "loss", "parameters", "inputs", "targets", "masks", "gradients",
    "precision", "reported_loss", "tolerance",
)  # fmt: skip
_REQUIRED = ("network", "loss", "parameters", "inputs", "targets", "gradients")


def read_submission(document: Any) -> Submission:
    """Read a submission. Raises: MalformedSubmission with everything that is wrong."""
    mistakes = Mistakes()
    if not isinstance(document, Mapping):
        mistakes.add("", "a submission, one JSON object", shown(document))
        mistakes.raise_if_any()
    document = dict(document)
    check_fields(document, FIELDS, "", mistakes)
    for field in _REQUIRED:
        if field not in document:
            mistakes.add(at("", field), f"the field {field!r}", "nothing", "add it")

    name = document.get("name")
    if name is not None and not isinstance(name, str):
        mistakes.add("/name", "a string", shown(name))
    network, weights, examples = None, "in_out", "rows"
    if "network" in document:
        network, weights, examples = read_network(document["network"], "/network", mistakes)
    loss = read_loss(document["loss"], "/loss", mistakes) if "loss" in document else None
    convention = Convention(weights, examples)
    parameters, bias_shapes = _read_parameters(document, network, convention, mistakes)
    convention = Convention(weights, examples, bias_shapes)
    inputs = _read_inputs(document, network, convention, mistakes)
    size = None if inputs is None else inputs.shape[0]
    targets = None
    if "targets" in document and loss is not None:
        targets = read_targets(document["targets"], loss[0].loss, network, size, convention, mistakes)
    masks = _read_masks(document.get("masks"), network, size, convention, mistakes)
    gradients = _read_gradients(document, network, convention, bias_shapes, mistakes)
    precision, cautions = _read_precision(document, gradients, mistakes)
    reported = _read_reported_loss(document.get("reported_loss"), mistakes)
    tolerance = read_tolerance(document.get("tolerance"), "/tolerance", mistakes)

    mistakes.raise_if_any()
    assert network is not None and loss is not None and parameters is not None and tolerance is not None
    assert inputs is not None and targets is not None
    problem = Problem(network, parameters, Batch(inputs, targets, masks), loss[0])
    internal = {
        key: internal_weight(array, convention) if key.endswith(".weight") else array.ravel()
        for key, array in gradients.items()
    }
    return Submission(
        name, problem, internal, precision, reported, tolerance, convention, loss[1], tuple(cautions)
    )


def _shape_of(network: Network, name: str, convention: Convention) -> tuple[int, ...]:
    index, kind = name.split(".")[1:]
    layer = network.layers[int(index)]
    if kind == "bias":
        return (layer.outputs,)
    shape = (layer.inputs, layer.outputs)
    return shape[::-1] if convention.weights == "out_in" else shape


def _names(network: Network) -> list[str]:
    names = []
    for index, layer in enumerate(network.layers):
        names += [f"layers.{index}.weight"] + ([f"layers.{index}.bias"] if layer.bias else [])
    return names


def _read_parameters(
    document: dict[str, Any], network: Network | None, convention: Convention, mistakes: Mistakes
) -> tuple[tuple[LayerParameters, ...] | None, dict[str, tuple[int, ...]]]:
    arrays, bias_shapes = _read_named(document, "parameters", mistakes, finite=True), {}
    if network is None or arrays is None:
        return None, {}
    names = _names(network)
    _check_names(arrays, names, "/parameters", mistakes)
    fits = True
    for name in names:
        pointer = at("/parameters", name)
        shape = _shape_of(network, name, convention)
        if name not in document["parameters"]:
            mistakes.add(pointer, f"an array of shape {shape}", "nothing", "add it")
        array = arrays.get(name)
        allowed = [shape] if len(shape) == 2 else [shape, (1, *shape), (*shape, 1)]
        if array is None or not _check_shape(array, allowed, pointer, convention, mistakes):
            fits = False
        elif len(shape) == 1:
            bias_shapes[name] = tuple(array.shape)
    if not fits:
        return None, bias_shapes
    layers = []
    for index, layer in enumerate(network.layers):
        weight = arrays[f"layers.{index}.weight"]
        bias = arrays[f"layers.{index}.bias"] if layer.bias else None
        assert weight is not None
        layers.append(
            LayerParameters(internal_weight(weight, convention), None if bias is None else bias.ravel())
        )
    return tuple(layers), bias_shapes


def _read_named(
    document: dict[str, Any], field: str, mistakes: Mistakes, *, finite: bool
) -> dict[str, Array | None] | None:
    if field not in document:
        return None
    arrays = document[field]
    if not isinstance(arrays, Mapping):
        mistakes.add(at("", field), "an object of arrays by name", shown(arrays))
        return None
    return {
        name: read_array(value, at("", field, name), mistakes, finite=finite)
        for name, value in arrays.items()
    }


def _check_names(found: Mapping[str, Any], names: list[str], pointer: str, mistakes: Mistakes) -> None:
    for name in found:
        if name not in names:
            mistakes.add(
                at(pointer, name),
                "the name of a parameter of this network",
                f"{name[:60]!r}",
                nearest(name, names),
            )


def _check_shape(
    array: Array,
    allowed: list[tuple[int, ...]],
    pointer: str,
    convention: Convention,
    mistakes: Mistakes,
) -> bool:
    shape = tuple(array.shape)
    if shape in allowed:
        return True
    remedy = ""
    if len(allowed[0]) == 2 and shape == allowed[0][::-1]:
        if convention.weights == "in_out":
            remedy = "for PyTorch's layout set network.weights to out_in"
        else:
            remedy = "for inputs first set network.weights to in_out"
    mistakes.add(pointer, f"shape {' or '.join(map(str, allowed))}", str(shape), remedy)
    return False


def _read_inputs(
    document: dict[str, Any], network: Network | None, convention: Convention, mistakes: Mistakes
) -> Array | None:
    array = read_array(document["inputs"], "/inputs", mistakes) if "inputs" in document else None
    if array is None:
        return None
    if array.size == 0:
        mistakes.add(
            "/inputs", "at least one example", f"shape {tuple(array.shape)}", "give the batch examples"
        )
        return None
    order = "(features, N)" if convention.examples == "columns" else "(N, features)"
    if array.ndim != 2:
        mistakes.add("/inputs", f"a matrix of shape {order}", f"shape {tuple(array.shape)}")
        return None
    rows = internal_examples(array, convention)
    if network is not None and rows.shape[1] != network.layers[0].inputs:
        features = network.layers[0].inputs
        other = "rows" if convention.examples == "columns" else "columns"
        turned = rows.shape[0] == features
        remedy = f"for examples as {other} set network.examples to {other}" if turned else ""
        mistakes.add("/inputs", f"{features} features, shape {order}", f"shape {tuple(array.shape)}", remedy)
        return None
    return rows


def _read_masks(
    document: Any, network: Network | None, size: int | None, convention: Convention, mistakes: Mistakes
) -> dict[int, Array]:
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        mistakes.add("/masks", 'an object of arrays, such as {"layers.0": [[…]]}', shown(document))
        return {}
    masks: dict[int, Array] = {}
    for name, value in document.items():
        pointer = at("/masks", name)
        mask = read_array(value, pointer, mistakes)
        if network is None:
            continue
        known = {f"layers.{index}": index for index in range(len(network.layers))}
        if name not in known:
            mistakes.add(pointer, "the name of a layer", f"{name[:60]!r}", nearest(name, known))
        elif mask is not None and size is not None:
            shape = (size, network.layers[known[name]].outputs)
            shape = shape[::-1] if convention.examples == "columns" else shape
            if tuple(mask.shape) == shape:
                masks[known[name]] = internal_examples(mask, convention)
            else:
                mistakes.add(pointer, f"shape {shape}", str(tuple(mask.shape)))
    return masks


def _read_gradients(
    document: dict[str, Any],
    network: Network | None,
    convention: Convention,
    bias_shapes: dict[str, tuple[int, ...]],
    mistakes: Mistakes,
) -> dict[str, Array]:
    arrays = _read_named(document, "gradients", mistakes, finite=False) or {}
    if network is not None:
        names = _names(network)
        _check_names(arrays, names, "/gradients", mistakes)
        for name, array in arrays.items():
            if array is not None and name in names:
                shape = bias_shapes.get(name, _shape_of(network, name, convention))
                _check_shape(array, [shape], at("/gradients", name), convention, mistakes)
    return {name: array for name, array in arrays.items() if array is not None}


def _read_precision(
    document: dict[str, Any], gradients: dict[str, Array], mistakes: Mistakes
) -> tuple[Precision, list[Caution]]:
    if document.get("precision") is not None:
        name = read_choice(document["precision"], PRECISIONS, "/precision", mistakes)
        return PRECISIONS[name or "float64"], []
    submitted = document.get("gradients")
    formats = {dtype_of(value) for value in submitted.values()} if isinstance(submitted, Mapping) else set()
    if len(formats) == 1 and (only := formats.pop()) not in (None, "float64"):
        return PRECISIONS[str(only)], []
    narrower = narrowest_format(gradients)
    if narrower.name == "float64":
        return narrower, []
    return narrower, [
        Caution(
            "precision-inferred",
            f"every submitted number is exactly a {narrower.name}, so the gradients are taken as computed in "
            f"{narrower.name}; declare precision to say otherwise",
        )
    ]


def narrowest_format(gradients: Mapping[str, Array]) -> Precision:
    """Give the narrowest format that holds every number exactly; float64 where all are whole or not finite.

    Zeros and small whole numbers fit every format and say nothing of the arithmetic behind them.
    """
    flat = np.concatenate([array.ravel() for array in gradients.values()] or [np.zeros(0)])
    telling = flat[np.isfinite(flat) & (flat != np.rint(flat))]
    if telling.size:
        for name in ("bfloat16", "float16", "float32"):
            if (rounded(telling, PRECISIONS[name]) == telling).all():
                return PRECISIONS[name]
    return PRECISIONS["float64"]


def _read_reported_loss(value: Any, mistakes: Mistakes) -> float | None:
    if value is None:
        return None
    if isinstance(value, str) and value in NON_FINITE:
        return NON_FINITE[value]
    if isinstance(value, float | np.floating) and not np.isfinite(value):
        return float(value)
    return read_number(value, "/reported_loss", mistakes)


def read_tolerance(document: Any, pointer: str, mistakes: Mistakes) -> Tolerance | None:
    """Read a preset's name, `{"preset": …}` or `{"rtol": …, "atol": …}`."""
    if document is None:
        return TOLERANCES["standard"]
    if isinstance(document, str):
        document = {"preset": document}
    if not isinstance(document, dict):
        mistakes.add(pointer, 'a tolerance, such as {"preset": "standard"}', shown(document))
        return None
    check_fields(document, ("preset", "rtol", "atol"), pointer, mistakes)
    if "preset" in document:
        if len(document) > 1:
            mistakes.add(pointer, "a preset, or rtol and atol", "both", "leave one of them out")
        preset = read_choice(document["preset"], TOLERANCES, at(pointer, "preset"), mistakes)
        return None if preset is None else TOLERANCES[preset]
    rtol = read_number(document.get("rtol", 0.0), at(pointer, "rtol"), mistakes, at_least=0.0)
    atol = read_number(document.get("atol", 0.0), at(pointer, "atol"), mistakes, at_least=0.0)
    return None if rtol is None or atol is None else Tolerance(rtol, atol)
