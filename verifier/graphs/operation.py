"""Operations of graphs: the columns of the table in `operations/`.

The formulas of a row are written once, over an arithmetic (`arithmetic/`). Over float64 they compute values,
over complex numbers and power series derivatives, over intervals enclosures, and over numbers with deviations
rounding errors. In signatures `A` is that arithmetic and `node` the node that is computed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from reference_impl.array import Array
from verifier.graphs.shapes import Shape

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
class Fit:
    """The shape of a node, and its options in the form that the formulas read."""

    shape: Shape
    options: Options = field(default_factory=lambda: MappingProxyType({}))


def no_kinks(node: Node, values: Sequence[Array], reach: Sequence[Array]) -> Array | None:
    """Return None: the operation has no kinks."""
    return None


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
    pull_back: (A, node, operands, value, ∂R/∂value, kinks) -> ∂R/∂operand for each operand, None for data.
    The caller sums over broadcast copies.
    kinks: (node, operands, the error of each) -> mask, in the shape of the first operand, of entries where
    several slopes are right; None for an operation without kinks.
    stacks: True if stacked operands of one shape may be computed at once, forward and backward: the operation
    works on every entry, or every row along the last axis, by itself.
    in_torch: (torch, node, tensors) -> the same operation in PyTorch.
    in_graph: (graph, node, operations) -> the same operation in `reference_impl.graph`.
    """

    name: str
    description: str
    operands: tuple[int, int | None]
    fit: Callable[[dict[str, Any], tuple[Shape, ...]], Fit]
    value: Callable[[Any, Node, Sequence[Any]], Any]
    pull_back: Callable[[Any, Node, Sequence[Any], Any, Any, Array | None], tuple[Any, ...]]
    in_torch: Callable[[Any, Node, Sequence[Any]], Any]
    in_graph: Callable[[Any, Node, Sequence[Any]], Any]
    options: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    data: tuple[int, ...] = ()
    check_data: Callable[[Options, tuple[Shape, ...], Array], str] = lambda options, shapes, values: ""
    kinks: Callable[[Node, Sequence[Array], Sequence[Array]], Array | None] = no_kinks
    stacks: bool = False
