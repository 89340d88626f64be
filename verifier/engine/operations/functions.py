"""Elementwise functions and softmax: every activation, and elementary functions such as exp and clip."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.activations import ACTIVATIONS, Activation
from reference_impl.array import Array
from reference_impl.elementary_functions import ELEMENTARY_FUNCTIONS
from reference_impl.problem_graph import function_node
from verifier.engine.functions.torch_twins import function_in_torch
from verifier.problem.errors import ErrorCollector, read_number
from verifier.problem.graph import (
    GraphOperation,
    InferredNode,
    Locality,
    MisfitError,
    Node,
    Shape,
    negative_axis,
)

_FORMULAS = {
    "exp": "eˣ",
    "log": "the natural logarithm",
    "sqrt": "√x",
    "absolute": "|x|",
    "power": "xⁿ for a number n, `exponent`",
    "expm1": "eˣ − 1",
    "log1p": "log(1 + x)",
    "sin": "sin x",
    "cos": "cos x",
    "arctan": "arctan x",
    "erf": "the error function",
    "sign": "1, 0 or −1",
    "clip": "x between the numbers `min` and `max`; either may be left out",
}


def _row(name: str, make: Callable[..., Activation]) -> GraphOperation:
    parameters = inspect.signature(make).parameters

    is_of_rows = name in ("softmax", "log_softmax")

    def fit(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
        numbers = {field: _number(options[field], field) for field in parameters if field in options}
        try:
            function = make(**numbers)
        except ValueError as error:
            raise MisfitError("options that fit together", str(error)) from error
        if not is_of_rows:
            return InferredNode(shapes[0], {"function": function})
        return InferredNode(shapes[0], {"function": function, "axis": axis_of_rows(options, shapes[0])})

    def value(A: Any, node: Node, operands: Sequence[Any]) -> Any:
        return along_axis(A, node, lambda x: A.applied(node.options["function"], x), operands[0])

    def vjp(
        A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
    ) -> tuple[Any, ...]:
        function = node.options["function"]
        return (
            along_axis(A, node, lambda x, u: A.activation_vjp(function, x, u, kinks), operands[0], upstream),
        )

    def in_graph(graph: Any, node: Node, operands: Sequence[Any]) -> Any:
        return along_axis_in_graph(graph, node, partial(function_node, node.options["function"]), operands[0])

    return GraphOperation(
        name=name,
        description=_FORMULAS.get(name, "the activation of that name"),
        operands=(1, 1),
        fit=fit,
        value=value,
        vjp=vjp,
        in_torch=lambda torch, node, operands: (
            function_in_torch(
                node.options["function"], torch, operands[0].movedim(node.options.get("axis", -1), -1)
            ).movedim(-1, node.options.get("axis", -1))
            if is_of_rows
            else function_in_torch(node.options["function"], torch, operands[0])
        ),
        in_graph=in_graph,
        options=("axis",) if is_of_rows else tuple(parameters),
        needed=tuple(
            field for field, parameter in parameters.items() if parameter.default is inspect.Parameter.empty
        ),
        kinks=kinks_of_function,
        stacks=True,
        locality=_locality,
    )


def axis_of_rows(options: Mapping[str, Any], shape: Shape) -> int:
    """Return the axis along which rows lie, counted from the end. Raises: MisfitError."""
    if not shape:
        raise MisfitError("rows of outcomes, in the last axis", "one number")
    return negative_axis(options.get("axis", -1), len(shape))


def along_axis(A: Any, node: Node, function: Callable[..., Any], *x: Any) -> Any:
    """Return a function of rows along the node's axis, which is the last one unless it has the option."""
    axis = node.options.get("axis", -1)
    if axis == -1:
        return function(*x)
    rows = [A.move(lambda part: np.swapaxes(part, axis, -1), part) for part in x]
    return A.move(lambda part: np.swapaxes(part, axis, -1), function(*rows))


def along_axis_in_graph(graph: Any, node: Node, function: Callable[[Any], Any], x: Any) -> Any:
    """Return a function of rows along the node's axis, in `reference_impl.graph`."""
    axis, rank = node.options.get("axis", -1), len(node.shape)
    if axis == -1:
        return function(x)
    axes = list(range(rank))
    axes[axis], axes[-1] = axes[-1], axes[axis]
    return graph.Transpose(tuple(axes))(function(graph.Transpose(tuple(axes))(x)))


def _locality(node: Node, perturbed: Sequence[bool]) -> Locality:
    function: Activation = node.options["function"]
    return locality_of_rows(node, perturbed) if function.derivative is None else Locality.ENTRY


def locality_of_rows(node: Node, perturbed: Sequence[bool]) -> Locality:
    """Return the locality of an operation along an axis, the last one unless the node has the option."""
    return Locality.ROW if len(node.shape) > -node.options.get("axis", -1) else Locality.EVERYTHING


def kinks_of_function(node: Node, values: Sequence[Array], half_widths: Sequence[Array]) -> Array | None:
    """Return a mask of operands that may be at a kink of the node's function; None if it has none."""
    function: Activation = node.options["function"]
    if not function.kinks:
        return None
    masks = [~(np.abs(values[0] - kink.at) > half_widths[0]) for kink in function.kinks]
    return np.asarray(np.logical_or.reduce(masks))


def _number(value: Any, field: str) -> float:
    errors = ErrorCollector()
    number = read_number(value, (), errors)
    if number is None:
        document_error = errors.records[0]
        raise MisfitError(document_error.expected, document_error.actual, document_error.remedy, field=field)
    return number


FUNCTIONS: Mapping[str, GraphOperation] = MappingProxyType(
    {name: _row(name, make) for name, make in {**ELEMENTARY_FUNCTIONS, **ACTIVATIONS}.items()}
)
"""An operation for every function in the tables of the reference, by name."""
