"""numpy's broadcasting and its transpose: gradients are summed over broadcast copies."""

from collections.abc import Sequence
from typing import Any

from verifier.graphs.shapes import Shape


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
