"""Nodes that are alike and ready together, computed as one: graphs of many small nodes are mostly these.

A band's operands and values stand in stacks, one for each shape; everything else is kept by name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from weakref import WeakKeyDictionary

import numpy as np

from reference_impl.array import Array
from verifier.graphs.operation import Node
from verifier.graphs.problem import GraphProblem
from verifier.graphs.shapes import Shape

LARGEST = 64  # numbers of a node that is worth stacking


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Nodes of one operation, options and shape, none of which needs another; `node` stands for all.

    rows: where their values stand in the stack of that shape. operands: likewise, an array of rows each.
    A node on its own has neither.
    """

    node: Node
    names: tuple[str, ...]
    rows: slice | None = None
    operands: tuple["Rows", ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of a stack, one for each node of a band, and how to add up what several nodes have for one row.

    distinct: pairs of rows that differ and the nodes that each is for, (rows, times); None: all differ.
    """

    at: Array
    distinct: tuple[tuple[Array, Array], ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """A graph's nodes in bands, every band after all that it depends on.

    places: of what stands in stacks, its row in the stack of its shape. sizes: rows of every stack.
    """

    all: tuple[Band, ...]
    places: Mapping[str, tuple[Shape, int]]
    sizes: Mapping[Shape, int]


@dataclass(slots=True)
class _Stacks:
    """Places as they are given away."""

    places: dict[str, tuple[Shape, int]] = field(default_factory=dict)
    sizes: dict[Shape, int] = field(default_factory=dict)

    def place(self, names: Iterable[str], shape: Shape) -> slice:
        first = stop = self.sizes.get(shape, 0)
        for name in names:
            self.places[name] = (shape, stop)
            stop += 1
        self.sizes[shape] = stop
        return slice(first, stop)


_BANDS: WeakKeyDictionary[GraphProblem, Bands] = WeakKeyDictionary()  # a pass asks for them many times


def bands_of(problem: GraphProblem) -> Bands:
    """Return the bands of a problem, computed once for as long as the problem lives."""
    bands = _BANDS.get(problem)
    if bands is None:
        bands = _BANDS[problem] = _in_bands(problem.nodes, problem.upstream_of_output)
    return bands


def _in_bands(nodes: Iterable[Node], needed: Iterable[Node]) -> Bands:
    """Group nodes that are alike and equally deep. needed: the nodes that the output depends on."""
    groups: dict[tuple[object, ...], list[Node]] = {}
    depths: dict[str, int] = {}
    wanted = {id(node) for node in needed}
    for node in nodes:
        depth = 1 + max([depths.get(operand, 0) for operand in node.operands], default=0)
        depths[node.name] = depth
        key = (
            (depth, node.operation.name, id(node.options), node.shape, id(node) in wanted)
            if _stacks(node)
            else (depth, node.name)
        )
        groups.setdefault(key, []).append(node)
    ordered = sorted(groups.items(), key=lambda item: item[0][0])  # type: ignore[arg-type,return-value]
    return _placed([group for _, group in ordered])


def _stacks(node: Node) -> bool:
    shape = node.shape
    return (
        node.operation.stacks and prod(shape) <= LARGEST and all(own == shape for own in node.operand_shapes)
    )


def _placed(groups: list[list[Node]]) -> Bands:
    stacks = _Stacks()
    rows = [
        stacks.place([node.name for node in group], group[0].shape) if len(group) > 1 else None
        for group in groups
    ]
    found = []
    for group, own in zip(groups, rows, strict=True):
        names = tuple(node.name for node in group)
        if own is None:
            found.append(Band(group[0], names))
            continue
        shape = group[0].shape
        operands = []
        for place in range(len(group[0].operands)):
            of_nodes = [node.operands[place] for node in group]
            stacks.place([name for name in dict.fromkeys(of_nodes) if name not in stacks.places], shape)
            operands.append(_rows(np.array([stacks.places[name][1] for name in of_nodes])))
        found.append(Band(group[0], names, own, tuple(operands)))
    return Bands(tuple(found), stacks.places, stacks.sizes)


def _rows(at: Array) -> Rows:
    order = np.argsort(at, kind="stable")
    rows, first, times = np.unique(at[order], return_index=True, return_counts=True)
    if len(rows) == len(at):
        return Rows(at, None)
    distinct = []
    for count in np.unique(times):
        own = times == count
        distinct.append((rows[own], order[first[own, None] + np.arange(count)]))
    return Rows(at, tuple(distinct))
