"""Reverse mode: gradients from the output to every node, in any arithmetic."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.batching import BatchedValues, NodeBatch, node_batches
from verifier.problem.graph import GraphProblem, Node, Shape, no_kinks


def summed_back(arithmetic: Any, gradient: Any, shape: Shape) -> Any:
    """Return the sum of the gradients of all copies that broadcasting made of an operand of `shape`."""
    gradient_shape = arithmetic.shape(gradient)
    if gradient_shape == shape:
        return gradient
    new_axes = len(gradient_shape) - len(shape)
    stretched_axes = [axis for axis in range(-len(shape), 0) if shape[axis] == 1 != gradient_shape[axis]]
    axes = (*range(-len(gradient_shape), new_axes - len(gradient_shape)), *stretched_axes)
    return arithmetic.move(lambda part: part.reshape(shape), arithmetic.total(gradient, axes))


def aligned(arithmetic: Any, operands: Sequence[Any], ranks: Sequence[int]) -> list[Any]:
    """Return operands with one rank, so that they broadcast whatever axes stand in front.

    ranks: each operand's rank, without an axis of perturbations that may stand in front of all.
    """
    rank = max(ranks)
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
        numbers = {name: arithmetic.constant(array) for name, array in problem.leaves()}
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
    problem: GraphProblem, values: BatchedValues, value_and_error: Callable[[Any], tuple[Array, Array]]
) -> dict[str, Array]:
    """Return by node a mask of operands that reach a kink; nodes that reach none are absent.

    value_and_error: returns a number's value and the bound of its error.
    """
    masks: dict[str, Array] = {}
    for band in node_batches(problem).all:
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
    """Return ∂output/∂v by plain name, for everything that the output depends on.

    Absent names have gradient 0. Gradients of leaves may be lazy (see `Numbers.parameters_pulled`).
    kinks: by node, where every slope of the subdifferential counts.
    """
    kinks = kinks or {}
    shape = problem.shapes()[problem.output]
    batches = node_batches(problem)
    gradients = BatchedValues(batches, arithmetic)
    gradients[problem.output] = arithmetic.constant(np.ones(shape))
    if not batches.sizes:
        _propagate(problem.upstream_of_output, values.by_name, gradients.by_name, arithmetic, kinks)
        return gradients
    needed = {node.name for node in problem.upstream_of_output}
    for band in reversed(batches.all):
        if band.node.name not in needed:  # all nodes of a band are needed, or none
            continue
        if band.rows is None:
            _propagate((band.node,), values, gradients, arithmetic, kinks)
            continue
        node, value = band.node, values.of_band(band)
        upstream = arithmetic.finish_sum(gradients.of_band(band))
        operand_gradients = node.operation.vjp(
            arithmetic, node, values.operands(band), value, upstream, _kinks_of(band, kinks)
        )
        for rows, gradient in zip(band.operands, operand_gradients, strict=True):
            if gradient is not None:
                gradients.add_rows(node.shape, rows, gradient)
    return gradients


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
        upstream = arithmetic.finish_sum(gradients[node.name])
        operand_gradients = node.operation.vjp(
            arithmetic, node, operands, values.get(node.name), upstream, kinks.get(node.name)
        )
        for name, shape, gradient in zip(node.operands, node.operand_shapes, operand_gradients, strict=True):
            if gradient is None:
                continue
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
