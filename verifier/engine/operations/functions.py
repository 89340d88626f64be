"""Elementwise functions and softmax: every activation, and exp, log, sqrt, absolute, power."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reference_impl.activations import ACTIVATIONS, Activation
from reference_impl.array import Array
from reference_impl.elementary_functions import ELEMENTARY_FUNCTIONS
from reference_impl.problem_graph import function_node
from verifier.engine.functions.torch_twins import function_in_torch
from verifier.problem.errors import ErrorCollector, read_number
from verifier.problem.graph import GraphOperation, InferredNode, Locality, MisfitError, Node, Shape

_FORMULAS = {
    "exp": "eˣ",
    "log": "the natural logarithm",
    "sqrt": "√x",
    "absolute": "|x|",
    "power": "xⁿ for a number n, `exponent`",
}


def function_rows() -> Iterator[GraphOperation]:
    """Yield an operation for every function in the tables of the reference."""
    for name, make in {**ELEMENTARY_FUNCTIONS, **ACTIVATIONS}.items():
        yield _row(name, make)


def _row(name: str, make: Callable[..., Activation]) -> GraphOperation:
    parameters = inspect.signature(make).parameters

    def fit(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
        function = make(**{field: _number(value, field) for field, value in options.items()})
        if function.derivative is None and not shapes[0]:
            raise MisfitError("rows of outcomes, in the last axis", "one number")
        return InferredNode(shapes[0], {"function": function})

    return GraphOperation(
        name=name,
        description=_FORMULAS.get(name, "the activation of that name"),
        operands=(1, 1),
        fit=fit,
        value=lambda A, node, operands: A.applied(node.options["function"], operands[0]),
        vjp=lambda A, node, operands, value, upstream, kinks: (
            A.activation_vjp(node.options["function"], operands[0], upstream, kinks),
        ),
        in_torch=lambda torch, node, operands: function_in_torch(
            node.options["function"], torch, operands[0]
        ),
        in_graph=lambda graph, node, operands: function_node(node.options["function"], operands[0]),
        options=tuple(parameters),
        needed=tuple(
            field for field, parameter in parameters.items() if parameter.default is inspect.Parameter.empty
        ),
        kinks=kinks_of_function,
        stacks=True,
        locality=_locality,
    )


def _locality(node: Node, perturbed: Sequence[bool]) -> Locality:
    function: Activation = node.options["function"]
    return locality_of_rows(node, perturbed) if function.derivative is None else Locality.ENTRY


def locality_of_rows(node: Node, perturbed: Sequence[bool]) -> Locality:
    """Return the locality of an operation on the last axis: rows, unless that axis is the rows' own."""
    return Locality.ROW if len(node.shape) > 1 else Locality.EVERYTHING


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
