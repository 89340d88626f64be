"""Check a layer object that keeps its parameters and their gradients, as in many libraries of courses."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.testing.operation_check.structures import Use, as_array

# pairs of attributes that hold parameters and gradients by name or in one order
_CONTAINERS = (
    ("params", "grads"),
    ("parameters", "gradients"),
    ("parameters", "grads"),
    ("params", "gradients"),
    ("weights", "grads"),
    ("_parameters", "_gradients"),
    ("_params", "_grads"),
)
_PATTERNS = ("d{}", "d_{}", "{}_grad", "grad_{}", "{}grad", "grad{}")
_RESETS = ("zero_grad", "zero_grads", "zero_gradients", "flush_gradients", "reset_gradients", "clear_grads")


def is_layer(layer: Any, inputs: Sequence[Array]) -> bool:
    """True if the object keeps parameters whose gradients backward writes."""
    return bool(layer_arrays(layer, inputs))


def layer_arrays(layer: Any, inputs: Sequence[Array]) -> dict[str, Array]:
    """Return the parameters that have gradients after one forward and one backward, by name."""
    tried = copy.deepcopy(layer)
    try:
        value = as_array(tried.forward(*(array.copy() for array in inputs)))
        if value is not None:
            tried.backward(np.ones(value.shape))
    except Exception:  # it is reported where the layer is judged
        return {}
    return {
        name: np.array(parameter, dtype=np.float64)
        for name, parameter, gradient in _pairs(tried)
        if gradient is not None and np.shape(gradient) == np.shape(parameter)
    }


def layer_use(layer: Any, names: Sequence[str], inputs: int) -> Use:
    """Return one use of a copy of the layer. Its parameters are arguments that follow the inputs."""
    copied = copy.deepcopy(layer)

    def forward(*arrays: Any) -> Any:
        if any(name not in {row for row, _, _ in _pairs(copied)} for name in names):
            # parameters are made at a first forward, and gradients at a first backward
            copied.backward(np.ones(np.shape(copied.forward(*arrays[:inputs]))))
        for name, array in zip(names, arrays[inputs:], strict=True):
            parameter = next(row for other, row, _ in _pairs(copied) if other == name)
            parameter[...] = array
        return copied.forward(*arrays[:inputs])

    def backward(upstream: Array) -> Any:
        _reset(copied)
        returned = copied.backward(upstream)
        parts = list(returned) if isinstance(returned, tuple | list) else [returned]
        by_name = {name: gradient for name, _, gradient in _pairs(copied)}
        gradients = [None if by_name.get(name) is None else np.array(by_name[name]) for name in names]
        return (*parts[:inputs], *gradients)

    return Use(forward, backward)


def _pairs(layer: Any) -> Iterator[tuple[str, Array, Any]]:
    """Yield the name of each parameter, its array, and its gradient or None."""
    for parameters_name, gradients_name in _CONTAINERS:
        parameters, gradients = (
            getattr(layer, parameters_name, None),
            getattr(layer, gradients_name, None),
        )
        if isinstance(parameters, Mapping) and isinstance(gradients, Mapping) and parameters:
            for name, parameter in parameters.items():
                if _is_float_array(parameter):
                    candidates = (name, *(pattern.format(name) for pattern in _PATTERNS))
                    row = next((candidate for candidate in candidates if candidate in gradients), None)
                    yield str(name), parameter, None if row is None else gradients[row]
            return
        if isinstance(parameters, list | tuple) and isinstance(gradients, list | tuple) and parameters:
            for index, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=False)):
                if _is_float_array(parameter):
                    yield str(index), parameter, gradient
            return
    attributes = vars(layer) if hasattr(layer, "__dict__") else {}
    for name, parameter in attributes.items():
        if _is_float_array(parameter):
            for pattern in _PATTERNS:
                if pattern.format(name) in attributes:
                    yield name, parameter, attributes[pattern.format(name)]
                    break


def _is_float_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _reset(layer: Any) -> None:
    """Set the gradients that the layer keeps to zero, by its own method if it has one."""
    for name in _RESETS:
        method = getattr(layer, name, None)
        if callable(method):
            method()
            return
    for _, _, gradient in _pairs(layer):
        if _is_float_array(gradient):
            gradient[...] = 0.0
