"""Group a graph's small nodes that are alike into bands, whose values are stacked and computed at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from operator import lt
from weakref import WeakKeyDictionary

import numpy as np

from reference_impl.array import Array
from verifier.problem.graph import GraphProblem, Node, Shape

LARGEST = 64  # numbers in the largest node that is worth stacking


@dataclass(frozen=True, slots=True, eq=False)
class NodeBatch:
    """Independent nodes with the same operation, options and shape; `node` stands for all of them.

    rows: the rows of their values in the stack of that shape. operands: likewise, an array of rows for each
    operand. A node on its own has neither.
    """

    node: Node
    names: tuple[str, ...]
    rows: slice | None = None
    operands: tuple["Rows", ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of a stack, one for each node of a band.

    distinct: groups for sums over nodes with the same row, as pairs of distinct rows and their nodes, (rows,
    times); None if all rows differ.
    """

    at: Array
    distinct: tuple[tuple[Array, Array], ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class NodeBatches:
    """A graph's nodes in bands; every band comes after its operands.

    places: the shape and the row of each stacked name. sizes: the number of rows of each stack.
    """

    all: tuple[NodeBatch, ...]
    places: Mapping[str, tuple[Shape, int]]
    sizes: Mapping[Shape, int]


@dataclass(slots=True)
class _Stacks:
    """Rows allocated so far."""

    places: dict[str, tuple[Shape, int]] = field(default_factory=dict)
    sizes: dict[Shape, int] = field(default_factory=dict)

    def place(self, names: Iterable[str], shape: Shape) -> slice:
        """Allocate a row for each name."""
        first = stop = self.sizes.get(shape, 0)
        for name in names:
            self.places[name] = (shape, stop)
            stop += 1
        self.sizes[shape] = stop
        return slice(first, stop)


_BANDS: WeakKeyDictionary[GraphProblem, NodeBatches] = WeakKeyDictionary()  # one pass uses them many times


def node_batches(problem: GraphProblem) -> NodeBatches:
    """Return the bands of a problem, computed once for as long as the problem lives."""
    bands = _BANDS.get(problem)
    if bands is None:
        bands = _BANDS[problem] = _in_bands(problem)
    return bands


def _in_bands(problem: GraphProblem) -> NodeBatches:
    """Group nodes that are equal and equally deep."""
    nodes = problem.nodes
    depths: dict[str, int] = {}
    if any(node.operation.stacks for node in nodes):
        for node in nodes:
            depths[node.name] = 1 + max([depths.get(operand, 0) for operand in node.operands], default=0)
    if all(map(lt, depths.values(), islice(depths.values(), 1, None))):  # a chain, whose nodes stand alone
        return NodeBatches(tuple(NodeBatch(node, (node.name,)) for node in nodes), {}, {})
    groups: dict[tuple[object, ...], list[Node]] = {}
    needed_ids = {id(node) for node in problem.upstream_of_output}
    for node in nodes:
        depth = depths[node.name]
        key = (
            (depth, node.operation.name, id(node.options), node.shape, id(node) in needed_ids)
            if _is_stackable(node)
            else (depth, node.name)
        )
        groups.setdefault(key, []).append(node)
    ordered = sorted(groups.items(), key=lambda item: item[0][0])  # type: ignore[arg-type,return-value]
    return _bands([group for _, group in ordered])


def _is_stackable(node: Node) -> bool:
    """True if the node may be stacked."""
    shape = node.shape
    return (
        node.operation.stacks
        and prod(shape) <= LARGEST
        and all(operand_shape == shape for operand_shape in node.operand_shapes)
    )


def _bands(groups: list[list[Node]]) -> NodeBatches:
    stacks = _Stacks()
    rows = [
        stacks.place([node.name for node in group], group[0].shape) if len(group) > 1 else None
        for group in groups
    ]
    bands = []
    for group, band_rows in zip(groups, rows, strict=True):
        names = tuple(node.name for node in group)
        if band_rows is None:
            bands.append(NodeBatch(group[0], names))
            continue
        shape = group[0].shape
        operands = []
        for place in range(len(group[0].operands)):
            operand_names = [node.operands[place] for node in group]
            stacks.place([name for name in dict.fromkeys(operand_names) if name not in stacks.places], shape)
            operands.append(_rows(np.array([stacks.places[name][1] for name in operand_names])))
        bands.append(NodeBatch(group[0], names, band_rows, tuple(operands)))
    return NodeBatches(tuple(bands), stacks.places, stacks.sizes)


def _rows(at: Array) -> Rows:
    order = np.argsort(at, kind="stable")
    rows, first, times = np.unique(at[order], return_index=True, return_counts=True)
    if len(rows) == len(at):
        return Rows(at, None)
    distinct = []
    for count in np.unique(times):
        selected = times == count
        distinct.append((rows[selected], order[first[selected, None] + np.arange(count)]))
    return Rows(at, tuple(distinct))
