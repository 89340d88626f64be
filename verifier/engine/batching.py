"""Numbers of a graph by plain name, in any arithmetic, with stacked storage for bands of nodes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from operator import lt
from typing import Any
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
        bands = _BANDS[problem] = _in_bands(problem.nodes, problem.upstream_of_output)
    return bands


def _in_bands(nodes: Sequence[Node], needed: Iterable[Node]) -> NodeBatches:
    """Group nodes that are equal and equally deep.

    needed: the nodes that the output depends on.
    """
    groups: dict[tuple[object, ...], list[Node]] = {}
    depths: dict[str, int] = {}
    for node in nodes:
        depths[node.name] = 1 + max([depths.get(operand, 0) for operand in node.operands], default=0)
    if all(map(lt, depths.values(), islice(depths.values(), 1, None))):  # a chain, whose nodes stand alone
        return NodeBatches(tuple(NodeBatch(node, (node.name,)) for node in nodes), {}, {})
    needed_ids = {id(node) for node in needed}
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


_FEW = 4  # terms that are added one by one; more are summed at once


class BatchedValues(Mapping[str, Any]):
    """A mapping of numbers by name; names without a number are absent.

    by_name: the numbers that are not in a stack.
    """

    def __init__(self, bands: NodeBatches, arithmetic: Any) -> None:
        self._bands, self._arithmetic = bands, arithmetic
        self.by_name: dict[str, Any] = {}
        self._stacks = {shape: self._empty(shape, size) for shape, size in bands.sizes.items()}
        self._filled = {shape: np.zeros(size, dtype=bool) for shape, size in bands.sizes.items()}

    def __getitem__(self, name: str) -> Any:
        place = self._bands.places.get(name)
        if place is None:
            return self.by_name[name]
        shape, row = place
        if not self._filled[shape][row]:
            raise KeyError(name)
        return self._arithmetic.move(lambda part: part[row], self._stacks[shape])

    def __contains__(self, name: object) -> bool:
        place = self._bands.places.get(name)  # type: ignore[call-overload]
        return name in self.by_name if place is None else bool(self._filled[place[0]][place[1]])

    def __iter__(self) -> Iterator[str]:
        yield from self.by_name
        yield from (name for name, (shape, row) in self._bands.places.items() if self._filled[shape][row])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def wholes(self) -> Iterator[Any]:
        """Yield all numbers, stacks as one; missing numbers are 0."""
        yield from self.by_name.values()
        yield from self._stacks.values()

    def map(self, function: Callable[[Any], Any], arithmetic: Any) -> "BatchedValues":
        """Return the same names with `function` of their numbers."""
        result = BatchedValues.__new__(BatchedValues)
        result._bands, result._arithmetic, result._filled = self._bands, arithmetic, self._filled
        result.by_name = {name: function(number) for name, number in self.by_name.items()}
        result._stacks = {shape: function(number) for shape, number in self._stacks.items()}
        return result

    def copies(self, count: int) -> "BatchedValues":
        """Return arrays with room for copies: stacks (rows, copies, *shape), others (1, *shape)."""
        result = self.map(lambda part: part[np.newaxis], self._arithmetic)
        result._stacks = {
            shape: np.repeat(stack[:, np.newaxis], count, axis=1) for shape, stack in self._stacks.items()
        }
        return result

    def __setitem__(self, name: str, numbers: Any) -> None:
        """Store a number under a name."""
        place = self._bands.places.get(name)
        if place is None:
            self.by_name[name] = numbers
        else:
            self._put_rows(*place, self._arithmetic.whole(numbers))

    def put_band(self, band: NodeBatch, numbers: Any) -> None:
        """Store the values of a band's nodes, stacked, or that of its only node."""
        if band.rows is None:
            self[band.node.name] = numbers
        else:
            self._put_rows(band.node.shape, band.rows, numbers)

    def operands(self, band: NodeBatch) -> list[Any]:
        """Return a band's operands: stacked, or those of its only node."""
        if band.rows is None:
            return [self[name] for name in band.node.operands]
        return [self._rows(band.node.shape, rows.at) for rows in band.operands]

    def of_band(self, band: NodeBatch) -> Any:
        """Return the stacked values of a band of several nodes."""
        return self._rows(band.node.shape, band.rows)

    def add_rows(self, shape: Shape, rows: Rows, numbers: Any) -> None:
        """Add numbers of a band's nodes to the rows that they belong to."""
        if rows.distinct is None:
            self._add_distinct(shape, rows.at, numbers)
            return
        for at, nodes in rows.distinct:
            self._add_distinct(shape, at, self._sums(numbers, nodes, len(shape)))

    def _sums(self, numbers: Any, nodes: Array, rank: int) -> Any:
        A, times = self._arithmetic, nodes.shape[1]
        if times > _FEW:
            return A.total(A.move(lambda part: part[nodes], numbers), (-rank - 1,))
        total = A.move(lambda part: part[nodes[:, 0]], numbers)
        for column in range(1, times):
            total = A.plus(total, A.move(lambda part, column=column: part[nodes[:, column]], numbers))
        return total

    def _add_distinct(self, shape: Shape, at: Array, numbers: Any) -> None:
        filled = self._filled[shape][at]
        if filled.any():
            stored, A = self._rows(shape, at), self._arithmetic
            sums = A.plus(stored, numbers)
            if not filled.all():
                mask = filled.reshape(-1, *(1,) * len(shape))
                sums = A.move(lambda total, first: np.where(mask, total, first), sums, numbers)
            numbers = sums
        self._put_rows(shape, at, numbers)

    def _rows(self, shape: Shape, rows: Any) -> Any:
        return self._arithmetic.move(lambda part: part[rows], self._stacks[shape])

    def _put_rows(self, shape: Shape, rows: Any, numbers: Any) -> None:
        def put(stack: Array, part: Array) -> Array:
            stack[rows] = part
            return stack

        self._arithmetic.move(put, self._stacks[shape], numbers)
        self._filled[shape][rows] = True

    def _empty(self, shape: Shape, size: int) -> Any:
        like = self._arithmetic.constant(np.zeros(shape))
        return self._arithmetic.move(lambda part: np.zeros((size, *shape), dtype=part.dtype), like)
