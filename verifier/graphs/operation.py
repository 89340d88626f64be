"""What the project knows of one operation of graphs: the columns of the table in `operations/`.

A row's formulas are written once, over an arithmetic (`arithmetic/`): over float64 they compute, over complex
numbers and power series they differentiate, over balls they enclose, over deviations they say what rounding
may cost. `A` names that arithmetic, `node` the node that is computed.
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
    """One operation applied: operands by name, left to right, and all shapes.

    options: as the row's `fit` settled them. data: operands that are read and not differentiated, by place.
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
    """What a node comes to: its shape, and its options in the form that the formulas read."""

    shape: Shape
    options: Options = field(default_factory=lambda: MappingProxyType({}))


def no_kinks(node: Node, values: Sequence[Array], reach: Sequence[Array]) -> Array | None:
    return None


@dataclass(frozen=True, slots=True)
class GraphOperation:
    """One operation.

    operands: how many it takes, least and most (None: any number). options: names of the fields beside
    `args`; `needed` must be there. data: places of operands that are read and not differentiated.
    fit: (options, shapes of the operands) -> Fit; raises MisfitError.
    check_data: (node) -> what is wrong with the numbers in data places, by place.
    value: (A, node, operands) -> value. Arrays may carry one more axis in front, of moves.
    pull_back: (A, node, operands, value, ∂R/∂value, kinks) -> ∂R/∂operand, one each; None for data. Entries
        that broadcasting copied are summed by whoever asks.
    kinks: (node, operands, by how much each may be off) -> where, in the shape of the first operand, several
        slopes are right; None for an operation without kinks.
    stacks: operands of one shape may stand in a stack of many, back as well as forward: every entry, or every
        row along the last axis, is worked on by itself.
    in_torch: (torch, node, tensors) -> the same by PyTorch. in_graph: likewise by `reference_impl.graph`.
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
