"""Forward and reverse mode: values and gradients of every node by plain name, in any arithmetic."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.batching import NodeBatch, NodeBatches, Rows, node_batches
from verifier.problem.graph import GraphProblem, Node, Shape, no_kinks

_FEW = 4  # terms that are added one by one; more are summed at once


class BatchedValues(Mapping[str, Any]):
    """A mapping of numbers by name; names without a number are absent.

    bands: the nodes in bands. by_name: the numbers that are not in a stack.
    """

    def __init__(self, bands: NodeBatches, arithmetic: Any) -> None:
        self.bands, self._arithmetic = bands, arithmetic
        self.by_name: dict[str, Any] = {}
        self._stacks = {shape: self._empty(shape, size) for shape, size in bands.sizes.items()}
        self._filled = {shape: np.zeros(size, dtype=bool) for shape, size in bands.sizes.items()}

    def __getitem__(self, name: str) -> Any:
        place = self.bands.places.get(name)
        if place is None:
            return self.by_name[name]
        shape, row = place
        if not self._filled[shape][row]:
            raise KeyError(name)
        return self._arithmetic.move(lambda part: part[row], self._stacks[shape])

    def __contains__(self, name: object) -> bool:
        place = self.bands.places.get(name)  # type: ignore[call-overload]
        return name in self.by_name if place is None else bool(self._filled[place[0]][place[1]])

    def __iter__(self) -> Iterator[str]:
        yield from self.by_name
        yield from (name for name, (shape, row) in self.bands.places.items() if self._filled[shape][row])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def wholes(self) -> Iterator[Any]:
        """Yield all numbers, stacks as one; missing numbers are 0."""
        yield from self.by_name.values()
        yield from self._stacks.values()

    def map(self, function: Callable[[Any], Any], arithmetic: Any) -> "BatchedValues":
        """Return the same names with `function` of their numbers."""
        result = BatchedValues.__new__(BatchedValues)
        result.bands, result._arithmetic, result._filled = self.bands, arithmetic, self._filled
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
        place = self.bands.places.get(name)
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


def summed_back(arithmetic: Any, gradient: Any, shape: Shape) -> Any:
    """Return the sum of the gradients of all copies that broadcasting made of an operand of `shape`."""
    gradient_shape = arithmetic.shape(gradient)
    if gradient_shape == shape:
        return gradient
    new_axes = len(gradient_shape) - len(shape)
    stretched_axes = [axis for axis in range(-len(shape), 0) if shape[axis] == 1 != gradient_shape[axis]]
    axes = (*range(-len(gradient_shape), new_axes - len(gradient_shape)), *stretched_axes)
    return arithmetic.move(lambda part: part.reshape(shape), arithmetic.total(gradient, axes))


def aligned(arithmetic: Any, operands: Sequence[Any], ranks: Sequence[int], least_rank: int = 0) -> list[Any]:
    """Return operands with one rank, so that they broadcast whatever axes stand in front.

    ranks: each operand's rank, without an axis of perturbations that may stand in front of all.
    """
    rank = max(least_rank, *ranks)
    return [
        operand if operand_rank == rank else _with_rank(arithmetic, operand, operand_rank, rank)
        for operand, operand_rank in zip(operands, ranks, strict=True)
    ]


def _with_rank(arithmetic: Any, operand: Any, operand_rank: int, rank: int) -> Any:
    shape = arithmetic.shape(operand)
    front = shape[: len(shape) - operand_rank]
    new_shape = (*front, *(1,) * (rank - operand_rank), *shape[len(shape) - operand_rank :])
    return arithmetic.move(lambda part: part.reshape(new_shape), operand)


@np.errstate(all="ignore")  # overflow and undefined values are handled by the comparison
def values_of(problem: GraphProblem, arithmetic: Any, *, with_output: bool = True) -> BatchedValues:
    """Return every value by plain name, leaves included.

    with_output: False to leave the last node out, whose vector-Jacobian product needs no value.
    """
    batches = node_batches(problem)
    values = BatchedValues(batches, arithmetic)
    nodes = problem.nodes if with_output else [node for node in problem.nodes if node.name != problem.output]
    if not batches.sizes:  # no node is stacked with others
        numbers = arithmetic.constants(problem.leaves())
        values.by_name.update(continued(numbers, nodes, arithmetic))
        return values
    for name, array in problem.leaves():
        values[name] = arithmetic.constant(array)
    for band in batches.all:
        node = band.node
        if with_output or node.name != problem.output:
            values.put_band(band, node.operation.value(arithmetic, node, values.operands(band)))
    return values


@np.errstate(all="ignore")
def continued(values: Mapping[str, Any], nodes: Iterable[Node], arithmetic: Any) -> dict[str, Any]:
    """Compute `nodes` from the values, and return all values."""
    results = dict(values)
    for node in nodes:
        results[node.name] = node.operation.value(
            arithmetic, node, [results[operand] for operand in node.operands]
        )
    return results


Kinks = Mapping[str, Array]
"""Masks of operands by the name of their node."""


@np.errstate(all="ignore")
def reached_kinks(
    values: BatchedValues, value_and_error: Callable[[Any], tuple[Array, Array]]
) -> dict[str, Array]:
    """Return by node a mask of operands that reach a kink; nodes that reach none are absent.

    value_and_error: returns a number's value and the bound of its error.
    """
    masks: dict[str, Array] = {}
    for band in values.bands.all:
        if band.node.operation.kinks is no_kinks:
            continue
        operands, half_widths = zip(*map(value_and_error, values.operands(band)), strict=True)
        at_kinks = band.node.operation.kinks(band.node, operands, half_widths)
        if at_kinks is None or not at_kinks.any():
            continue
        node_masks = at_kinks[np.newaxis] if band.rows is None else at_kinks
        masks |= {name: mask for name, mask in zip(band.names, node_masks, strict=True) if mask.any()}
    return masks


@np.errstate(all="ignore")
def gradients_of(
    problem: GraphProblem, values: BatchedValues, arithmetic: Any, kinks: Kinks | None = None
) -> BatchedValues:
    """Return ∂output/∂v by plain name, for what is requested and for all between it and the output.

    Absent names have gradient 0. Gradients of leaves may be lazy (see `Numbers.affine_vjp`).
    kinks: by node, where every slope of the subdifferential counts.
    """
    kinks = kinks or {}
    upstream = problem.differentiated
    shape = upstream[-1].shape if upstream else problem.shapes()[problem.output]
    batches = values.bands
    gradients = BatchedValues(batches, arithmetic)
    gradients[problem.output] = arithmetic.constant(np.ones(shape))
    if not batches.sizes:
        _propagate(upstream, values.by_name, gradients.by_name, arithmetic, kinks)
        return gradients
    needed = {node.name for node in upstream}
    for band in reversed(batches.all):
        if band.node.name not in needed:  # all nodes of a band are needed, or none
            continue
        if band.rows is None:
            _propagate((band.node,), values, gradients, arithmetic, kinks)
            continue
        node, value = band.node, values.of_band(band)
        of_value = gradients.of_band(band)
        if arithmetic.finishes_sums:
            of_value = arithmetic.finish_sum(of_value)
        operand_gradients = node.operation.vjp(
            arithmetic, node, values.operands(band), value, of_value, _kinks_of(band, kinks)
        )
        for rows, gradient in zip(band.operands, operand_gradients, strict=True):
            if gradient is not None:
                gradients.add_rows(node.shape, rows, gradient)
    return gradients


def requested_gradients(
    problem: GraphProblem, values: BatchedValues, arithmetic: Any, kinks: Kinks | None = None
) -> dict[str, Any]:
    """Return the gradients in `requested`, exact zeros where the output does not depend on a value."""
    gradients = gradients_of(problem, values, arithmetic, kinks)
    by_name = gradients if values.bands.sizes else gradients.by_name
    return {
        key: by_name[name] if name in by_name else arithmetic.constant(np.zeros(problem.shapes()[name]))
        for key, name in problem.requested_names.items()
    }


def _propagate(
    nodes: Sequence[Node],
    values: Mapping[str, Any],
    gradients: dict[str, Any] | BatchedValues,
    arithmetic: Any,
    kinks: Kinks,
) -> None:
    """Add the gradients of all operands of the nodes, the last node first."""
    for node in reversed(nodes):
        operands = [values[name] for name in node.operands]
        upstream = gradients[node.name]
        if arithmetic.finishes_sums:
            upstream = arithmetic.finish_sum(upstream)
        operand_gradients = node.operation.vjp(
            arithmetic, node, operands, values.get(node.name), upstream, kinks.get(node.name)
        )
        for name, shape, gradient in zip(node.operands, node.operand_shapes, operand_gradients, strict=True):
            if gradient is None:
                continue
            if node.operation.broadcasts:
                gradient = summed_back(arithmetic, gradient, shape)
            if name in gradients:
                gradient = arithmetic.plus(arithmetic.whole(gradients[name]), arithmetic.whole(gradient))
            gradients[name] = gradient


def _kinks_of(band: NodeBatch, kinks: Kinks) -> Array | None:
    """Return the masks of a band's nodes, stacked; None if no node has one."""
    masks = [kinks.get(name) for name in band.names] if kinks else [None]
    empty = np.zeros(band.node.shape, dtype=bool)
    return (
        None
        if all(mask is None for mask in masks)
        else np.stack([empty if mask is None else mask for mask in masks])
    )
