"""A graph as a problem: named inputs and parameters, nodes in order, and a scalar output."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import Any

from reference_impl.array import Array
from verifier.problem.errors import describe

Shape = tuple[int, ...]


class MisfitError(ValueError):
    """Raised for operands or options that an operation cannot take. field: the wrong option, if any."""

    def __init__(self, expected: str, actual: str, remedy: str = "", field: str | None = None) -> None:
        self.expected, self.actual, self.remedy, self.field = expected, actual, remedy, field
        super().__init__(f"expected {expected}, got {actual}")


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of numpy's broadcasting. Raises: MisfitError."""
    rank = max(map(len, shapes))
    sizes_by_axis: list[int] = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(sizes) > 1:
            raise MisfitError(
                "shapes that broadcast together",
                " and ".join(map(str, shapes)),
                "from the last axis on, sizes are equal or 1",
            )
        sizes_by_axis.append(sizes.pop() if sizes else 1)
    return tuple(sizes_by_axis)


def negative_axes(axis: object, rank: int) -> tuple[int, ...]:
    """Return axes counted from the end, sorted; None means all. Raises: MisfitError for invalid axes."""
    entries = range(rank) if axis is None else axis if isinstance(axis, list | tuple) else [axis]
    axes = [negative_axis(entry, rank) for entry in entries]
    if len(set(axes)) < len(axes):
        raise MisfitError("every axis once", str(list(entries)), field="axis")
    return tuple(sorted(axes))


def negative_axis(axis: object, rank: int) -> int:
    """Return one axis counted from the end. Raises: MisfitError."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise MisfitError("an axis, a whole number", describe(axis), field="axis")
    if not -rank <= axis < rank:
        span = f"an axis from {-rank} to {rank - 1}" if rank else "no axis: the operand is one number"
        raise MisfitError(span, str(axis), field="axis")
    return axis - rank if axis >= 0 else axis


Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operation applied to operands, which are named from left to right.

    options: as returned by the operation's `fit`. data: operands that are not differentiated, by place.
    """

    name: str
    operation: "GraphOperation"
    operands: tuple[str, ...]
    options: Options
    operand_shapes: tuple[Shape, ...]
    shape: Shape
    data: Mapping[int, Array] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class InferredNode:
    """The shape of a node, and its options in the form that the formulas read."""

    shape: Shape
    options: Options = field(default_factory=lambda: MappingProxyType({}))


def no_kinks(node: Node, values: Sequence[Array], half_widths: Sequence[Array]) -> Array | None:
    """Return None: the operation has no kinks."""
    return None


class Locality(Enum):
    """The part of an operation's value that changes when operands are perturbed in one place.

    A row is an index of the first axis, usually an example.
    ENTRY: the same entry. ROW: the same row. TERM: one term of a sum over rows, which is one number.
    EVERYTHING: more than that, or unknown.
    """

    ENTRY = "entry"
    ROW = "row"
    TERM = "term"
    EVERYTHING = "everything"


def not_local(node: Node, perturbed: Sequence[bool]) -> Locality:
    """Return EVERYTHING: nothing is known about the operation."""
    return Locality.EVERYTHING


@dataclass(frozen=True, slots=True)
class GraphOperation:
    """One operation.

    operands: minimum and maximum number of operands (None: any number).
    options: names of the fields beside `args`. needed: those that are required.
    data: places of operands that are not differentiated.
    fit: (options, shapes of the operands) -> Fit; raises MisfitError.
    check_data: (options, shapes, values of an operand in `data`) -> a description of valid values; empty if
    they are valid.
    value: (A, node, operands) -> value. Arrays may have one more axis in front, for perturbations.
    vjp: (A, node, operands, value, ∂R/∂value, kinks) -> ∂R/∂operand for each operand, None for data.
    The caller sums over broadcast copies.
    kinks: (node, operands, the error of each) -> mask, in the shape of the first operand, of entries where
    several slopes are right; None for an operation without kinks.
    stacks: True if stacked operands of one shape may be computed at once, forward and backward: the operation
    works on every entry, or every row along the last axis, by itself.
    broadcasts: True if operands of several shapes broadcast together; only then may `vjp` return gradients in
    another shape than the operand's.
    skips_data: True if `vjp` saves time at places in `node.data`.
    locality: (node, by operand True if it is perturbed) -> what the perturbation changes. Perturbed operands
    have equally many rows.
    row_terms: (node, operands) -> the terms of the sum, (copies, N), where the locality is TERM.
    in_torch: (torch, node, tensors) -> the same operation in PyTorch.
    in_graph: (graph, node, operations) -> the same operation in `reference_impl.graph`.
    steps: (options, operands, arrays of operands in `data` by place) -> the last step of a composition; None
    for any other operation. The steps take the place of a composition when a graph is read.
    """

    name: str
    description: str
    operands: tuple[int, int | None]
    fit: Callable[[dict[str, Any], tuple[Shape, ...]], InferredNode]
    value: Callable[[Any, Node, Sequence[Any]], Any]
    vjp: Callable[[Any, Node, Sequence[Any], Any, Any, Array | None], tuple[Any, ...]]
    in_torch: Callable[[Any, Node, Sequence[Any]], Any]
    in_graph: Callable[[Any, Node, Sequence[Any]], Any]
    options: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    data: tuple[int, ...] = ()
    check_data: Callable[[Options, tuple[Shape, ...], Array], str] = lambda options, shapes, values: ""
    kinks: Callable[[Node, Sequence[Array], Sequence[Array]], Array | None] = no_kinks
    stacks: bool = False
    broadcasts: bool = False
    skips_data: bool = False
    locality: Callable[[Node, Sequence[bool]], Locality] = not_local
    row_terms: Callable[[Node, Sequence[Array]], Array] | None = None
    steps: Callable[[Mapping[str, Any], Sequence[Any], Mapping[int, Array]], Any] | None = None


INPUT, NODE = "inputs.", "nodes."


@dataclass(frozen=True, eq=False)
class GraphProblem:
    """The derivative of `output` with respect to each of `requested`.

    inputs, parameters: values by name. constants: numbers that are operands, by name.
    nodes: every node comes after its operands. All names are distinct.
    requested: names of gradients: a parameter's own name, `inputs.x`, `nodes.h`.
    """

    inputs: Mapping[str, Array]
    parameters: Mapping[str, Array]
    constants: Mapping[str, Array]
    nodes: tuple[Node, ...]
    output: str
    requested: tuple[str, ...]

    def leaves(self) -> list[tuple[str, Array]]:
        """Return the names and values of inputs, parameters and constants."""
        return [*self.inputs.items(), *self.parameters.items(), *self.constants.items()]

    def shapes(self) -> Mapping[str, Shape]:
        """Return every shape, by plain name."""
        return self._shapes

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        shapes = {name: tuple(values.shape) for name, values in self.leaves()}
        return shapes | {node.name: node.shape for node in self.nodes}

    @cached_property
    def requested_names(self) -> dict[str, str]:
        """Return the name within the graph of each gradient in `requested`."""
        return {key: node_name(key) for key in self.requested}

    @cached_property
    def upstream_of_output(self) -> tuple[Node, ...]:
        """Return the nodes that the output depends on, itself included, in order."""
        needed = names_upstream(self.output, {node.name: node.operands for node in self.nodes})
        return tuple(node for node in self.nodes if node.name in needed)

    @cached_property
    def differentiated(self) -> tuple[Node, ...]:
        """Return `upstream_of_output`, with leaves that need no gradient as data if that saves time."""
        requested = set(self.requested_names.values())
        leaves = {name: values for name, values in self.leaves() if name not in requested}
        return tuple(
            _with_data(node, leaves) if node.operation.skips_data else node
            for node in self.upstream_of_output
        )

    def with_requested(self, requested: tuple[str, ...]) -> "GraphProblem":
        """Return the same graph with other gradients in `requested`."""
        return replace(self, requested=requested)


def _with_data(node: Node, leaves: Mapping[str, Array]) -> Node:
    data = {place: leaves[operand] for place, operand in enumerate(node.operands) if operand in leaves}
    return replace(node, data={**node.data, **data})


def names_upstream(output: str, operands: Mapping[str, Iterable[Any]]) -> frozenset[Any]:
    """Return the names that an output depends on, itself included. operands: by node, in order."""
    needed: set[Any] = {output}
    for name in reversed(tuple(operands)):
        if name in needed:
            needed.update(operands[name])
    return frozenset(needed)


def node_name(key: str) -> str:
    """Return the name within the graph for the name of a gradient."""
    return key.removeprefix(INPUT).removeprefix(NODE)


def gradient_name(problem: GraphProblem, name: str) -> str:
    """Return the name of the gradient of a value, as documents have it; the reverse of `node_name`."""
    if name in problem.parameters:
        return name
    return (INPUT if name in problem.inputs else NODE) + name


def downstream(problem: GraphProblem, names: Iterable[str]) -> tuple[Node, ...]:
    """Return the nodes between some names and the output, in order."""
    reached = set(names)
    nodes = []
    for node in problem.upstream_of_output:
        if not reached.isdisjoint(node.operands):
            reached.add(node.name)
            nodes.append(node)
    return tuple(nodes)


def first_breaks(problem: GraphProblem, wrong: Mapping[str, bool]) -> list[str]:
    """Return, output first, the wrong gradients for which all gradients after them are right.

    wrong: by the names of submitted gradients. A node whose gradient was not submitted counts as wrong if a
    node after it is.
    """
    by_plain = {node_name(key): key for key in wrong}
    wrong_downstream: dict[str, bool] = {}  # by plain name, True if a node after it has a wrong gradient
    consumers: dict[str, list[str]] = {}
    for node in problem.nodes:
        for operand in node.operands:
            consumers.setdefault(operand, []).append(node.name)
    breaks: list[str] = []
    for name in reversed(_names(problem)):
        inherits_error = any(
            _passes_error_on(wrong_downstream, by_plain, wrong, consumer)
            for consumer in consumers.get(name, ())
        )
        wrong_downstream[name] = inherits_error
        key = by_plain.get(name)
        if key is not None and wrong[key] and not inherits_error:
            breaks.append(key)
    return breaks


def _passes_error_on(
    wrong_downstream: Mapping[str, bool], by_plain: Mapping[str, str], wrong: Mapping[str, bool], name: str
) -> bool:
    """True if the node passes a wrong gradient on: by its own gradient where that was submitted."""
    key = by_plain.get(name)
    return wrong_downstream[name] if key is None else wrong[key]


def _names(problem: GraphProblem) -> Sequence[str]:
    return [*(name for name, _ in problem.leaves()), *(node.name for node in problem.nodes)]


def place(problem: GraphProblem, key: str) -> str:
    """Return a gradient's name with the operation of its node: `nodes.h1 (tanh)`."""
    operations = {NODE + node.name: node.operation.name for node in problem.nodes}
    return f"{key} ({operations[key]})" if key in operations else key
