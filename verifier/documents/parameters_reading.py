"""Read the document's `parameters` and `gradients`, and check their names and shapes."""

from collections.abc import Mapping
from typing import Any

from reference_impl.array import Array
from reference_impl.network import LayerParameters, Network
from verifier.convention import Convention, internal_weight
from verifier.documents.arrays import read_array
from verifier.documents.mistakes import MOST, Mistakes, at, nearest, shown

_TRANSPOSE_REMEDY = "transpose it: the parameter itself fits, and its gradient has the same layout"


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


def read_parameters(
    document: dict[str, Any], network: Network | None, convention: Convention, mistakes: Mistakes
) -> tuple[tuple[LayerParameters, ...] | None, dict[str, tuple[int, ...]]]:
    """Return the parameters in internal layout, and the submitted shapes of those that are valid.

    The parameters are None if one of them is malformed.
    """
    arrays, shapes = _read_named(document, "parameters", mistakes, finite=True), {}
    if network is None or arrays is None:
        return None, {}
    names = _names(network)
    _check_names(arrays, names, "/parameters", mistakes)
    all_fit = True
    for name in names:
        shape = _shape_of(network, name, convention)
        if name not in document["parameters"]:
            mistakes.add(at("/parameters", name), f"an array of shape {shape}", "nothing", "add it")
        array = arrays.get(name)
        allowed: list[tuple[int, ...]] = [shape]
        if len(shape) == 1:  # a bias may be a row or a column as well
            allowed += [(1, *shape), (*shape, 1)]
        location = ("/parameters", name)
        if array is None or not _check_shape(array, allowed, location, _layout_remedy(convention), mistakes):
            all_fit = False
        else:
            shapes[name] = tuple(array.shape)
    if not all_fit:
        return None, shapes
    layers = []
    for index, layer in enumerate(network.layers):
        weight = arrays[f"layers.{index}.weight"]
        bias = arrays[f"layers.{index}.bias"] if layer.bias else None
        assert weight is not None
        layers.append(
            LayerParameters(internal_weight(weight, convention), None if bias is None else bias.ravel())
        )
    return tuple(layers), shapes


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


def _check_names(arrays: Mapping[str, Any], names: list[str], pointer: str, mistakes: Mistakes) -> None:
    known = set(names)
    for name in [name for name in arrays if name not in known][:MOST]:
        mistakes.add(
            at(pointer, name),
            "the name of a parameter of this network",
            f"{str(name)[:60]!r}",
            nearest(name, names, taken=arrays),
        )


def _layout_remedy(convention: Convention) -> str:
    """Return the remedy for a weight in the other layout."""
    if convention.weights == "in_out":
        return "for PyTorch's layout set network.weights to out_in"
    return "for inputs first set network.weights to in_out"


def _check_shape(
    array: Array,
    allowed: list[tuple[int, ...]],
    location: tuple[str, str],
    remedy_if_transposed: str,
    mistakes: Mistakes,
) -> bool:
    shape = tuple(array.shape)
    if shape in allowed:
        return True
    remedy = remedy_if_transposed if len(allowed[0]) == 2 and shape == allowed[0][::-1] else ""
    mistakes.add(at(*location), f"shape {' or '.join(map(str, allowed))}", str(shape), remedy)
    return False


def read_gradients(
    document: dict[str, Any],
    network: Network | None,
    convention: Convention,
    shapes: dict[str, tuple[int, ...]],
    mistakes: Mistakes,
) -> dict[str, Array]:
    """Return the gradients by parameter, in the layout of the submission.

    shapes: the submitted shapes of the valid parameters, which gradients must have, too.
    """
    arrays = _read_named(document, "gradients", mistakes, finite=False) or {}
    if network is not None:
        names = _names(network)
        _check_names(arrays, names, "/gradients", mistakes)
        for name, array in arrays.items():
            if array is not None and name in names:
                shape = shapes.get(name) or _shape_of(network, name, convention)
                remedy = _TRANSPOSE_REMEDY if name in shapes else _layout_remedy(convention)
                _check_shape(array, [shape], ("/gradients", name), remedy, mistakes)
    return {name: array for name, array in arrays.items() if array is not None}
