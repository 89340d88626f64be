"""Reference of an operation: a row of the table of operations, a user's function, or its own forward."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.mistakes import nearest, shown
from verifier.graphs.operation import Fit, GraphOperation, Node
from verifier.graphs.operations import OPERATIONS
from verifier.graphs.problem import GraphProblem
from verifier.graphs.shapes import MisfitError, Shape
from verifier.operation_check.inputs import INPUTS, Inputs, unnamed_inputs
from verifier.operation_check.written import WrittenOperation, malformed

WEIGHTS, WEIGHED, TOTAL = "output_grad", "weighed", "total"


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Reference of an operation.

    If `row`, `in_numpy` and `in_torch` are None, forward is its own reference.

    row: row of the table of operations.
    in_numpy, in_torch: functions of the arguments.
    options: options of the row or of the functions, as the caller wrote them.
    """

    name: str
    row: GraphOperation | None
    in_numpy: Callable[..., Any] | None
    in_torch: Callable[..., Any] | None
    options: Mapping[str, Any]

    @property
    def data(self) -> tuple[int, ...]:
        return () if self.row is None else self.row.data

    def fit(self, shapes: Sequence[Shape]) -> Fit:
        """Return the row's shape of the value for these arguments. Raises: MisfitError."""
        assert self.row is not None
        least, most = self.row.operands
        if len(shapes) < least or (most is not None and len(shapes) > most):
            raise MisfitError(f"{least} operands", str(len(shapes)))
        return self.row.fit(dict(self.options), tuple(shapes))

    def inputs(self, operation: WrittenOperation) -> Inputs:
        return unnamed_inputs(len(operation.arguments)) if self.row is None else INPUTS[self.row.name]


def read_reference(
    like: Any, in_torch: Any, options: Mapping[str, Any], operation: WrittenOperation
) -> Reference:
    """Return the reference that the caller chose.

    Raises: MalformedSubmission for an unknown operation, invalid options or a contradiction.
    """
    if in_torch is not None and not callable(in_torch):
        raise malformed("in_torch", "a function of tensors", shown(in_torch))
    if like is None:
        return Reference("its own forward", None, None, in_torch, options)
    if callable(like):
        return Reference(getattr(like, "__name__", "the given function"), None, like, in_torch, options)
    if not isinstance(like, str) or like not in OPERATIONS:
        remedy = nearest(like, OPERATIONS) if isinstance(like, str) else ""
        raise malformed("like", "the name of an operation, or a function of arrays", shown(like), remedy)
    row = OPERATIONS[like]
    if in_torch is not None:
        raise malformed(
            "in_torch", f"none beside {like}, of which PyTorch's own is known", "one", "leave it out"
        )
    unknown = [field for field in options if field not in row.options]
    if unknown:
        known = ", ".join(row.options) or "none"
        raise malformed("options", f"options of {like} ({known})", ", ".join(unknown))
    missing = [field for field in row.needed if field not in options]
    if missing:
        raise malformed("options", f"{', '.join(missing)}, which {like} needs", "nothing", "add it")
    return Reference(like, row, None, in_torch, options)


def problem_of(
    row: GraphOperation,
    fit: Fit,
    operation: WrittenOperation,
    arguments: Sequence[Array],
    upstream: Array,
    data: Sequence[int],
) -> GraphProblem:
    """Return the graph whose gradient backward computes: the sum of the value times the upstream gradient.

    data: positions of arguments that are not differentiated.
    """
    names = operation.arguments[: len(arguments)]
    node_name = operation.name if operation.name not in (*names, WEIGHTS, WEIGHED, TOTAL) else "value"
    shape = tuple(upstream.shape)
    inputs = {names[place]: arguments[place] for place in data}
    parameters = {
        name: array
        for place, (name, array) in enumerate(zip(names, arguments, strict=True))
        if place not in data
    }
    node = Node(
        node_name,
        row,
        tuple(names),
        fit.options,
        tuple(tuple(argument.shape) for argument in arguments),
        fit.shape,
        {place: arguments[place] for place in data},
    )
    weighed = _node(WEIGHED, "multiply", (node_name, WEIGHTS), (shape, shape))
    return GraphProblem(
        inputs={**inputs, WEIGHTS: upstream},
        parameters=parameters,
        constants={},
        nodes=(node, weighed, _node(TOTAL, "sum", (WEIGHED,), (shape,))),
        output=TOTAL,
        asked=tuple(parameters),
    )


def _node(name: str, op: str, operands: tuple[str, ...], shapes: tuple[Shape, ...]) -> Node:
    row = OPERATIONS[op]
    fit = row.fit({}, shapes)
    return Node(name, row, operands, fit.options, shapes, fit.shape)


def taken_at_its_word(name: str, shape: Shape, pulled: Sequence[Array]) -> GraphOperation:
    """Return a row whose vector-Jacobian product is the given one, for an operation without a formula."""
    return GraphOperation(
        name=name,
        description="an operation without a row of its own",
        operands=(len(pulled), len(pulled)),
        fit=lambda options, shapes: Fit(shape),
        value=lambda A, node, operands: np.zeros(shape),
        pull_back=lambda A, node, operands, value, upstream, kinks: tuple(pulled),
        in_torch=lambda torch, node, operands: torch.zeros(shape),
        in_graph=lambda graph, node, operands: None,
    )
