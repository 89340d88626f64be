"""Run generated graphs on an autograd engine, by a table of the engine's functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.graph import read_graph
from verifier.engine.arithmetic import FLOATS
from verifier.engine.autodiff import values_of
from verifier.problem.graph import Node

_ARRAYS = ("data", "value", "val")
_TOLERANCE = 1e-4  # relative; an engine may compute in float32
Table = Mapping[str, Callable[..., Any]]


class ForwardError(ValueError):
    """The forward pass of the engine gives another value than the operation has."""


@dataclass(frozen=True, slots=True)
class GraphInterpreter:
    """A backward function of graphs, made of an engine's functions.

    leaf: (array) -> a tensor. With `scalars`, it gets numbers.
    table: by the name of the operation, a function of tensors, numbers, and its options as keywords.
    backward: (the last tensor) -> None, computes all gradients; by default its method `backward`.
    gradient: (tensor) -> its gradient, an array, a tensor or None; by default its `grad`.
    inner: True to return the gradients of nodes as well.
    """

    leaf: Callable[[Any], Any]
    table: Table
    backward: Callable[[Any], Any] | None = None
    gradient: Callable[[Any], Any] | None = None
    inner: bool = False
    scalars: bool = False

    @property
    def __name__(self) -> str:
        """The name of the engine in messages."""
        return getattr(self.leaf, "__name__", type(self.leaf).__name__)

    def __call__(self, document: Mapping[str, Any]) -> dict[str, Array]:
        """Return the gradients of all parameters, and of nodes if they are asked."""
        problem = read_graph(document).problem
        values = values_of(problem, FLOATS)
        data = {node.operands[place] for node in problem.nodes for place in node.data}
        tensors: dict[str, Any] = {
            name: array.copy() if name in data else self.leaf(float(array) if self.scalars else array.copy())
            for name, array in problem.leaves()
        }
        written = {node["name"]: node for node in document["network"]["nodes"]}
        for name, node in written.items():
            arguments = [tensors[x] if isinstance(x, str) else x for x in node["args"]]
            options = {key: option for key, option in node.items() if key not in ("name", "op", "args")}
            function = self.table.get(node["op"])
            if function is None:
                raise NotImplementedError(node["op"])
            tensors[name] = function(*arguments, **options)
            self._check_value(problem.nodes, name, node, tensors[name], values[name])
        output = tensors[problem.output]
        if self.backward is None:
            output.backward()
        else:
            self.backward(output)
        gradients = {name: self._gradient_of(tensors[name], values[name]) for name in problem.parameters}
        if self.inner:
            for name in written:
                gradients[f"nodes.{name}"] = self._gradient_of(tensors[name], values[name])
        return gradients

    def _check_value(
        self, nodes: tuple[Node, ...], name: str, node: Mapping[str, Any], tensor: Any, value: Array
    ) -> None:
        actual = array_of_tensor(tensor)
        if actual is None:
            return
        text = f"{name} = {node['op']}({', '.join(map(str, node['args']))})"
        if actual.shape != value.shape and actual.size != value.size:
            raise ForwardError(f"forward gives shape {actual.shape} for {text}, right is {value.shape}")
        actual = actual.reshape(value.shape)
        if not np.allclose(actual, value, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
            place = np.unravel_index(np.argmax(np.abs(actual - value)), value.shape)
            raise ForwardError(
                f"forward gives {float(actual[place]):g} for {text}, right is {float(value[place]):g}"
            )

    def _gradient_of(self, tensor: Any, value: Array) -> Array:
        """Return a tensor's gradient in the shape of its value; zeros where the engine has none."""
        gradient = getattr(tensor, "grad", None) if self.gradient is None else self.gradient(tensor)
        array = None if gradient is None else array_of_tensor(gradient)
        if array is None:
            return np.zeros(value.shape)
        return array.reshape(value.shape) if array.size == value.size else array


def array_of_tensor(tensor: Any) -> Array | None:
    """Return the numbers of an array, or of a tensor by its usual attributes; None if it has none."""
    if hasattr(tensor, "numpy") and callable(tensor.numpy):
        tensor = (tensor.detach() if hasattr(tensor, "detach") else tensor).numpy()
    elif not isinstance(tensor, np.ndarray | np.generic | float | int | list | tuple):
        tensor = next((getattr(tensor, field) for field in _ARRAYS if hasattr(tensor, field)), tensor)
    try:
        return np.asarray(tensor, dtype=np.float64)
    except (TypeError, ValueError):
        return None
