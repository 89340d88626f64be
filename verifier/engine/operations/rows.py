"""Operations on whole rows: log softmax, and embedding."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.operations.functions import (
    along_axis,
    along_axis_in_graph,
    axis_of_rows,
    locality_of_rows,
)
from verifier.problem.graph import GraphOperation, InferredNode, MisfitError, Node, Options, Shape


def _fit_rows(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    return InferredNode(shapes[0], {"axis": axis_of_rows(options, shapes[0])})


LOG_SOFTMAX = GraphOperation(
    name="log_softmax",
    description="x − log Σ eˣ along `axis`, the last one unless given",
    operands=(1, 1),
    fit=_fit_rows,
    value=lambda A, node, operands: along_axis(A, node, A.log_softmax, operands[0]),
    vjp=lambda A, node, operands, value, upstream, kinks: (
        along_axis(A, node, A.log_softmax_vjp, operands[0], upstream),
    ),
    in_torch=lambda torch, node, operands: torch.log_softmax(operands[0], dim=node.options["axis"]),
    in_graph=lambda graph, node, operands: along_axis_in_graph(
        graph, node, lambda x: graph.LogSoftmax()(x), operands[0]
    ),
    options=("axis",),
    stacks=True,
    locality=locality_of_rows,
)


def _fit_embedding(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    table, indices = shapes
    if len(table) != 2:
        raise MisfitError("a table, a matrix of a row each", f"shape {table}")
    return InferredNode((*indices, table[1]))


def _check_indices(options: Options, shapes: tuple[Shape, ...], indices: Array) -> str:
    rows = shapes[0][0]
    wrong = indices[(indices != np.rint(indices)) | (indices < 0) | (indices >= rows)]
    return f"whole numbers from 0 to {rows - 1}, rows of the table" if wrong.size else ""


def _places(node: Node) -> Array:
    return node.data[1].astype(np.intp)


def _embedding_vjp(
    A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
) -> tuple[Any, ...]:
    table = node.operand_shapes[0]
    places = _places(node).ravel()
    flat = A.move(lambda part: part.reshape(places.size, table[1]), upstream)
    return A.gathered(flat, places, table[0]), None


EMBEDDING = GraphOperation(
    name="embedding",
    description="rows of a table (first), by their numbers from 0 (second, an input of whole numbers)",
    operands=(2, 2),
    fit=_fit_embedding,
    value=lambda A, node, operands: A.move(lambda part: part[..., _places(node), :], operands[0]),
    vjp=_embedding_vjp,
    in_torch=lambda torch, node, operands: operands[0][torch.tensor(_places(node).copy())],
    in_graph=lambda graph, node, operands: graph.Embedding(_places(node))(operands[0]),
    data=(1,),
    check_data=_check_indices,
)
