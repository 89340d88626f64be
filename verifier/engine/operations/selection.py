"""Operations that select entries by numbers which are not differentiated: take, and where."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.autodiff import aligned
from verifier.problem.graph import GraphOperation, InferredNode, Locality, Node, Options, Shape, broadcast


def _fit_take(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    return InferredNode(shapes[1])


def _check_indices(options: Options, shapes: tuple[Shape, ...], indices: Array) -> str:
    size = prod(shapes[0])
    wrong = (indices != np.rint(indices)) | (indices < 0) | (indices >= size)
    return f"whole numbers from 0 to {size - 1}, numbers of entries" if wrong.any() else ""


def _indices(node: Node) -> Array:
    return node.data[1].astype(np.intp)


def _take(A: Any, node: Node, operands: Sequence[Any]) -> Any:
    rank, indices = len(node.operand_shapes[0]), _indices(node)

    def taken(part: Array) -> Array:
        return np.asarray(part.reshape(*part.shape[: part.ndim - rank], -1)[..., indices])

    return A.move(taken, operands[0])


def _take_back(
    A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
) -> tuple[Any, ...]:
    shape, places = node.operand_shapes[0], _indices(node).ravel()
    size = prod(shape)
    if np.bincount(places, minlength=1).max() <= 1:  # nothing is added up, so nothing is rounded

        def scattered(part: Array) -> Array:
            gradient = np.zeros(size)
            gradient[places] = part.ravel()
            return gradient.reshape(shape)

        return A.move(scattered, upstream), None
    column = A.move(lambda part: part.reshape(places.size, 1), upstream)
    return A.move(lambda part: part.reshape(shape), A.gathered(column, places, size)), None


TAKE = GraphOperation(
    name="take",
    description="entries (of the first) by their numbers from 0, row by row (second, an input)",
    operands=(2, 2),
    fit=_fit_take,
    value=_take,
    vjp=_take_back,
    in_torch=lambda torch, node, operands: operands[0].reshape(-1)[torch.tensor(_indices(node))],
    in_graph=lambda graph, node, operands: graph.Take(_indices(node))(operands[0]),
    data=(1,),
    check_data=_check_indices,
)


def _fit_where(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    return InferredNode(broadcast(shapes))


def _check_condition(options: Options, shapes: tuple[Shape, ...], condition: Array) -> str:
    return "0 (false) or 1 (true)" if ((condition != 0) & (condition != 1)).any() else ""


def _condition(node: Node) -> Array:
    return np.asarray(node.data[0] != 0)


def _where(A: Any, node: Node, operands: Sequence[Any]) -> Any:
    ranks = [len(shape) for shape in node.operand_shapes[1:]]
    x, y = aligned(A, operands[1:], ranks, least_rank=len(node.shape))
    condition = _condition(node)
    return A.move(lambda left, right: np.where(condition, left, right), x, y)


def _where_back(
    A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
) -> tuple[Any, ...]:
    condition = _condition(node)
    of_x = A.move(lambda part: np.where(condition, part, 0.0), upstream)
    return None, of_x, A.move(lambda part: np.where(condition, 0.0, part), upstream)


def _locality_of_where(node: Node, perturbed: Sequence[bool]) -> Locality:
    shapes = [shape for shape, moves in zip(node.operand_shapes, perturbed, strict=True) if moves]
    return Locality.ROW if all(shape == node.shape for shape in shapes) else Locality.EVERYTHING


WHERE = GraphOperation(
    name="where",
    description="the second where the first (an input of zeros and ones) is 1, else the third",
    operands=(3, 3),
    fit=_fit_where,
    value=_where,
    vjp=_where_back,
    in_torch=lambda torch, node, operands: torch.where(torch.tensor(_condition(node)), *operands[1:]),
    in_graph=lambda graph, node, operands: graph.Where(_condition(node))(*operands[1:]),
    data=(0,),
    check_data=_check_condition,
    broadcasts=True,
    locality=_locality_of_where,
)
