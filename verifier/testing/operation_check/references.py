"""Reference of an operation: a row of the table of operations, a user's function, or its own forward."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.operations import OPERATIONS
from verifier.engine.operations.steps import steps_of
from verifier.problem.errors import describe, malformed, suggest_name
from verifier.problem.graph import GraphOperation, GraphProblem, InferredNode, MisfitError, Node, Shape
from verifier.testing.operation_check.further_inputs import Shapes
from verifier.testing.operation_check.inputs import (
    DOMAINS,
    INPUTS,
    Case,
    Inputs,
    cases_of,
    default_inputs,
)
from verifier.testing.operation_check.written import UserOperation

WEIGHTS, WEIGHED, TOTAL = "output_grad", "weighed", "total"


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Reference of an operation.

    If `row`, `in_numpy` and `in_torch` are None, forward is its own reference.

    row: row of the table of operations.
    in_numpy, in_torch: functions of the arguments.
    options: options of the row or of the functions, as the caller wrote them.
    fixed: positions of arguments without a gradient, of an operation without a row.
    is_definition: True if forward defines the right value.
    """

    name: str
    row: GraphOperation | None
    in_numpy: Callable[..., Any] | None
    in_torch: Callable[..., Any] | None
    options: Mapping[str, Any]
    fixed: tuple[int, ...] = ()
    is_definition: bool = False

    @property
    def data(self) -> tuple[int, ...]:
        return self.fixed if self.row is None else self.row.data

    def fit(self, shapes: Sequence[Shape]) -> InferredNode:
        """Return the row's shape of the value for these arguments. Raises: MisfitError."""
        assert self.row is not None
        least, most = self.row.operands
        if len(shapes) < least or (most is not None and len(shapes) > most):
            raise MisfitError(f"{least} operands", str(len(shapes)))
        return self.row.fit(dict(self.options), tuple(shapes))

    def inputs(self, operation: UserOperation) -> Inputs:
        return default_inputs(len(operation.arguments)) if self.row is None else INPUTS[self.row.name]


def read_reference(
    like: Any, in_torch: Any, options: Mapping[str, Any], operation: UserOperation
) -> Reference:
    """Return the reference that the caller chose.

    Raises: MalformedSubmission for an unknown operation, invalid options or a contradiction.
    """
    if in_torch is not None and not callable(in_torch):
        raise malformed("in_torch", "a function of tensors", describe(in_torch))
    if like is None:
        return Reference("its own forward", None, None, in_torch, options)
    if callable(like):
        return Reference(getattr(like, "__name__", "the given function"), None, like, in_torch, options)
    if not isinstance(like, str) or like not in OPERATIONS:
        remedy = suggest_name(like, OPERATIONS) if isinstance(like, str) else ""
        raise malformed("like", "the name of an operation, or a function of arrays", describe(like), remedy)
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


def use_node(
    row: GraphOperation,
    fit: InferredNode,
    operation: UserOperation,
    arguments: Sequence[Array],
    data: Sequence[int],
) -> Node:
    """Return the node of one use of an operation."""
    names = operation.arguments[: len(arguments)]
    return Node(
        operation.name if operation.name not in (*names, WEIGHTS, WEIGHED, TOTAL) else "value",
        row,
        tuple(names),
        fit.options,
        tuple(tuple(argument.shape) for argument in arguments),
        fit.shape,
        {place: arguments[place] for place in data},
    )


def weighted_sum_graph(
    row: GraphOperation,
    fit: InferredNode,
    operation: UserOperation,
    arguments: Sequence[Array],
    upstream: Array,
    data: Sequence[int],
) -> GraphProblem:
    """Return the graph whose gradient backward computes: the sum of the value times the upstream gradient.

    data: positions of arguments that are not differentiated.
    """
    names = operation.arguments[: len(arguments)]
    shape = tuple(upstream.shape)
    inputs = {names[place]: arguments[place] for place in data}
    parameters = {
        name: array
        for place, (name, array) in enumerate(zip(names, arguments, strict=True))
        if place not in data
    }
    node = use_node(row, fit, operation, arguments, data)
    steps, constants = ([node], {}) if row.steps is None else steps_of(node)
    weighed = _node(WEIGHED, "multiply", (node.name, WEIGHTS), (shape, shape))
    return GraphProblem(
        inputs={**inputs, WEIGHTS: upstream},
        parameters=parameters,
        constants=constants,
        nodes=(*steps, weighed, _node(TOTAL, "sum", (WEIGHED,), (shape,))),
        output=TOTAL,
        requested=tuple(parameters),
    )


def _node(name: str, op: str, operands: tuple[str, ...], shapes: tuple[Shape, ...]) -> Node:
    row = OPERATIONS[op]
    fit = row.fit({}, shapes)
    return Node(name, row, operands, fit.options, shapes, fit.shape)


def row_with_known_vjp(name: str, shape: Shape, vjps: Sequence[Array]) -> GraphOperation:
    """Return a row whose vector-Jacobian product is the given one, for an operation without a formula."""
    return GraphOperation(
        name=name,
        description="an operation without a row of its own",
        operands=(len(vjps), len(vjps)),
        fit=lambda options, shapes: InferredNode(shape),
        value=lambda A, node, operands: np.zeros(shape),
        vjp=lambda A, node, operands, value, upstream, kinks: tuple(vjps),
        in_torch=lambda torch, node, operands: torch.zeros(shape),
        in_graph=lambda graph, node, operands: None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class CheckPlan:
    """Operation, its reference, and the inputs to try.

    plain: number of inputs, at the start of `shapes`, that every implementation must accept.
    points: the caller's own inputs, which replace drawn ones.
    """

    operation: UserOperation
    reference: Reference
    shapes: tuple[Shapes, ...]
    domains: Sequence[str]
    plain: int
    points: tuple[Case, ...] = ()

    def cases(self) -> Iterator[Case]:
        """Yield all inputs."""
        yield from self.points or cases_of(self.shapes, self.domains, self.plain)


def plan_check(written: UserOperation, reference: Reference, shapes: Any, domain: Any) -> CheckPlan:
    """Return the question. shapes, domain: None for the default inputs. Raises: MalformedSubmission."""
    inputs = reference.inputs(written)
    candidates = (
        inputs.shapes(reference.options) if shapes is None else read_shapes(shapes, len(written.arguments))
    )
    plain = inputs.plain if shapes is None else len(candidates)
    domains = inputs.domains(reference.options)
    if domain is not None:
        domains = [domain] if isinstance(domain, str) else list(domain)
        for row in domains:
            if row not in DOMAINS:
                raise malformed(
                    "domain", f"one of {', '.join(DOMAINS)}", repr(row), suggest_name(str(row), DOMAINS)
                )
    fitting: list[Shapes] = []
    misfit: MisfitError | None = None
    for argument_shapes in candidates:
        if not written.takes(len(argument_shapes)):
            continue
        try:
            if reference.row is not None:
                reference.fit(argument_shapes)
            fitting.append(argument_shapes)
        except MisfitError as error:
            misfit = error
            plain -= len(fitting) < plain and shapes is not None
    if not fitting:
        if misfit is not None:
            raise malformed(misfit.field or "shapes", misfit.expected, misfit.actual, misfit.remedy)
        taken = "any number" if written.variadic else str(len(written.arguments))
        rule = f"an operation of as many arguments as {reference.name} takes"
        raise malformed("operation", rule, f"{taken}: {', '.join(written.arguments)}", "give shapes=[…]")
    return CheckPlan(written, reference, tuple(fitting), domains, max(1, plain))


def read_shapes(shapes: Any, count: int) -> list[Shapes]:
    """Return the shapes of the arguments for each input. A single argument may be a shape, not a tuple.

    count: number of arguments. Raises: MalformedSubmission.
    """
    rule = "a list of inputs, each a tuple of one shape for each argument, such as [((2, 3), (3,))]"
    inputs: list[Shapes] = []
    try:
        for row in shapes:
            argument_shapes = (row,) if all(isinstance(size, int) for size in row) and count == 1 else row
            inputs.append(tuple(tuple(int(size) for size in shape) for shape in argument_shapes))
    except (TypeError, ValueError):
        raise malformed("shapes", rule, repr(shapes)[:60]) from None
    if not inputs or any(size < 0 or size > 64 for row in inputs for shape in row for size in shape):
        raise malformed("shapes", f"{rule}, sizes from 0 to 64", repr(shapes)[:60])
    return inputs
