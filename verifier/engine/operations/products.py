"""The matrix product with numpy's rules: vectors on either side, and leading axes that broadcast."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.autodiff import aligned
from verifier.problem.graph import GraphOperation, InferredNode, Locality, MisfitError, Node, Shape, broadcast


def _fit(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    x, y = shapes
    if not x or not y:
        raise MisfitError("vectors or matrices", " and ".join(map(str, shapes)), "multiply numbers instead")
    rows, columns = x[:-1][-1:], y[-1:] if len(y) > 1 else ()
    if x[-1] != y[-2 if len(y) > 1 else 0]:
        remedy = "transpose one of them" if x[-1] == y[-1] or x[0] == y[0] else ""
        raise MisfitError("as many columns on the left as rows on the right", f"{x} and {y}", remedy)
    return InferredNode((*broadcast((x[:-2], y[:-2])), *rows, *columns))


def _matrices(A: Any, node: Node, operands: Sequence[Any]) -> tuple[Any, Any]:
    """Return operands as matrices: a vector on the left is a row, one on the right a column."""
    x, y = operands
    shape_x, shape_y = node.operand_shapes
    if len(shape_x) == 1:
        x = A.move(lambda part: part[..., np.newaxis, :], x)
    if len(shape_y) == 1:
        y = A.move(lambda part: part[..., np.newaxis], y)
    return x, y


def _value(A: Any, node: Node, operands: Sequence[Any]) -> Any:
    shape_x, shape_y = node.operand_shapes
    x, y = aligned(A, _matrices(A, node, operands), [max(len(shape_x), 2), max(len(shape_y), 2)])
    product = A.matmul(x, y)
    if len(shape_y) == 1:
        product = A.move(lambda part: part[..., 0], product)
    if len(shape_x) == 1:
        last = -1 if len(shape_y) == 1 else -2
        product = A.move(lambda part: np.take(part, 0, axis=last), product)
    return product


def _vjp(
    A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
) -> tuple[Any, ...]:
    shape_x, shape_y = node.operand_shapes
    x, y = _matrices(A, node, operands)
    if len(shape_y) == 1:
        upstream = A.move(lambda part: part[..., np.newaxis], upstream)
    if len(shape_x) == 1:
        upstream = A.move(lambda part: np.expand_dims(part, -2), upstream)
    left = None if 0 in node.data else A.matmul(upstream, _transposed(A, y))
    right = None if 1 in node.data else A.matmul(_transposed(A, x), upstream)
    if left is not None and len(shape_x) == 1:
        left = A.move(lambda part: part[..., 0, :], left)
    if right is not None and len(shape_y) == 1:
        right = A.move(lambda part: part[..., 0], right)
    return left, right


def _locality(node: Node, perturbed: Sequence[bool]) -> Locality:
    """Return ROW if the rows of all perturbed operands are rows, or matrices of a stack, of the result."""
    (rank_x, rank_y), (moves_x, moves_y) = map(len, node.operand_shapes), perturbed
    is_stack = max(rank_x, rank_y) > 2
    keeps_x = not moves_x or (rank_x > 1 and rank_x >= rank_y)
    keeps_y = not moves_y or (is_stack and rank_y >= rank_x)
    return Locality.ROW if keeps_x and keeps_y else Locality.EVERYTHING


def _transposed(A: Any, x: Any) -> Any:
    return A.move(lambda part: part.swapaxes(-1, -2), x)


MATMUL = GraphOperation(
    name="matmul",
    description="the matrix product x y",
    operands=(2, 2),
    fit=_fit,
    value=_value,
    vjp=_vjp,
    in_torch=lambda torch, node, operands: torch.matmul(*operands),
    in_graph=lambda graph, node, operands: operands[0] @ operands[1],
    broadcasts=True,
    skips_data=True,
    locality=_locality,
)
