"""numpy's broadcasting, and back: what was copied on the way forward is added up on the way back."""

from collections.abc import Sequence
from typing import Any

from verifier.graphs.shapes import Shape


def summed_back(arithmetic: Any, gradient: Any, shape: Shape) -> Any:
    """Add up the gradients of all copies that broadcasting made of an operand of `shape`."""
    found = arithmetic.shape(gradient)
    if found == shape:
        return gradient
    in_front = len(found) - len(shape)
    stretched = [axis for axis in range(-len(shape), 0) if shape[axis] == 1 != found[axis]]
    axes = (*range(-len(found), in_front - len(found)), *stretched)
    return arithmetic.move(lambda part: part.reshape(shape), arithmetic.total(gradient, axes))


def aligned(arithmetic: Any, operands: Sequence[Any], ranks: Sequence[int]) -> list[Any]:
    """Give operands one rank, so that they broadcast from the last axis on whatever stands in front.

    ranks: each operand's own; one more axis, of moves, may stand in front of all.
    """
    rank = max(ranks)
    return [
        operand if own == rank else _widened(arithmetic, operand, own, rank)
        for operand, own in zip(operands, ranks, strict=True)
    ]


def _widened(arithmetic: Any, operand: Any, own: int, rank: int) -> Any:
    shape = arithmetic.shape(operand)
    front = shape[: len(shape) - own]
    widened = (*front, *(1,) * (rank - own), *shape[len(shape) - own :])
    return arithmetic.move(lambda part: part.reshape(widened), operand)
