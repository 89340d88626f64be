"""Operations that move entries without changing them: transpose, reshape, concatenate, slice."""

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.problem.errors import describe
from verifier.problem.graph import (
    GraphOperation,
    InferredNode,
    Locality,
    MisfitError,
    Node,
    Shape,
    negative_axes,
    negative_axis,
)


def _fit_transpose(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    (shape,) = shapes
    rank = len(shape)
    axes: tuple[int, ...] = tuple(range(-1, -rank - 1, -1))
    if options.get("axes") is not None:
        order = options["axes"]
        if not isinstance(order, list | tuple) or len(order) != rank:
            raise MisfitError(f"a list of all {rank} axes", describe(order), field="axes")
        negative_axes(order, rank)
        axes = tuple(negative_axis(axis, rank) for axis in order)
    return InferredNode(tuple(shape[axis] for axis in axes), {"axes": axes})


def _transpose(part: Array, axes: tuple[int, ...]) -> Array:
    front = range(-part.ndim, -len(axes))
    return part.transpose(*front, *axes)


def _transpose_back(
    A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
) -> tuple[Any, ...]:
    axes = node.options["axes"]
    inverse = tuple(int(axis) - len(axes) for axis in np.argsort([axis + len(axes) for axis in axes]))
    return (A.move(lambda part: _transpose(part, inverse), upstream),)


TRANSPOSE = GraphOperation(
    name="transpose",
    description="the axes reversed, or in the order `axes`",
    operands=(1, 1),
    fit=_fit_transpose,
    value=lambda A, node, operands: A.move(lambda part: _transpose(part, node.options["axes"]), *operands),
    vjp=_transpose_back,
    in_torch=lambda torch, node, operands: operands[0].permute(node.options["axes"]),
    in_graph=lambda graph, node, operands: graph.Transpose(node.options["axes"])(operands[0]),
    options=("axes",),
    locality=lambda node, perturbed: (
        Locality.ROW if node.options["axes"][:1] == (-len(node.shape),) else Locality.EVERYTHING
    ),
)


def _fit_reshape(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    option, size = options["shape"], prod(shapes[0])
    sizes: list[Any] = list(option) if isinstance(option, list | tuple) else [None]
    if not all(isinstance(entry, int) and not isinstance(entry, bool) and entry >= -1 for entry in sizes):
        raise MisfitError("a list of sizes, one of which may be -1", describe(option), field="shape")
    shape: list[int] = list(sizes)
    if shape.count(-1) == 1:
        others = -prod(shape)
        if others > 0 and size % others == 0:
            shape[shape.index(-1)] = size // others
    if -1 in shape or prod(shape) != size:
        rule = f"a shape of {size} entries, those of {shapes[0]}"
        raise MisfitError(rule, str(tuple(sizes)), field="shape")
    return InferredNode(tuple(shape))


def _reshaped(A: Any, operand: Any, old: Shape, new: Shape) -> Any:
    return A.move(lambda part: part.reshape((*part.shape[: part.ndim - len(old)], *new)), operand)


RESHAPE = GraphOperation(
    name="reshape",
    description="the same entries in the same order, as `shape`",
    operands=(1, 1),
    fit=_fit_reshape,
    value=lambda A, node, operands: _reshaped(A, operands[0], node.operand_shapes[0], node.shape),
    vjp=lambda A, node, operands, value, upstream, kinks: (
        _reshaped(A, upstream, node.shape, node.operand_shapes[0]),
    ),
    in_torch=lambda torch, node, operands: operands[0].reshape(node.shape),
    in_graph=lambda graph, node, operands: graph.Reshape(node.shape)(operands[0]),
    options=("shape",),
    needed=("shape",),
    locality=lambda node, perturbed: (
        Locality.ROW if node.shape[:1] == node.operand_shapes[0][:1] else Locality.EVERYTHING
    ),
)


def _fit_concatenate(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    axis = negative_axis(options.get("axis", 0), len(shapes[0]))
    other_sizes = {
        tuple(size for place, size in enumerate(shape) if place != len(shape) + axis) for shape in shapes
    }
    if len({len(shape) for shape in shapes}) > 1 or len(other_sizes) > 1:
        rule = f"shapes that differ in axis {axis + len(shapes[0])} alone"
        raise MisfitError(rule, " and ".join(map(str, shapes)))
    result = list(shapes[0])
    result[axis] = sum(shape[axis] for shape in shapes)
    return InferredNode(tuple(result), {"axis": axis})


def _concatenate(A: Any, node: Node, operands: Sequence[Any]) -> Any:
    def join(*parts: Array) -> Array:
        extra_axes = len(parts[0].shape) - len(node.shape)
        moves = max(part.shape[0] for part in parts) if extra_axes else 1
        broadcast_parts = [
            np.broadcast_to(part, (moves, *part.shape[1:])) if extra_axes and part.shape[0] < moves else part
            for part in parts
        ]
        return np.concatenate(broadcast_parts, axis=node.options["axis"])

    return A.move(join, *operands)


def _concatenate_back(
    A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
) -> tuple[Any, ...]:
    axis = node.options["axis"]
    ends = np.cumsum([shape[axis] for shape in node.operand_shapes])
    index = [(slice(None),) * (axis + len(node.shape)) for _ in ends]
    pieces = [
        (*front, slice(int(end) - shape[axis], int(end)))
        for front, end, shape in zip(index, ends, node.operand_shapes, strict=True)
    ]
    return tuple(A.move(lambda part, piece=piece: part[piece], upstream) for piece in pieces)


CONCATENATE = GraphOperation(
    name="concatenate",
    description="one behind the other along `axis`, 0 unless given",
    operands=(1, None),
    fit=_fit_concatenate,
    value=_concatenate,
    vjp=_concatenate_back,
    in_torch=lambda torch, node, operands: torch.cat(list(operands), dim=node.options["axis"]),
    in_graph=lambda graph, node, operands: reduce(
        lambda left, right: graph.Concatenate(node.options["axis"])(left, right), operands
    ),
    options=("axis",),
    locality=lambda node, perturbed: (
        Locality.EVERYTHING if node.options["axis"] == -len(node.shape) else Locality.ROW
    ),
)


def _fit_slice(options: dict[str, Any], shapes: tuple[Shape, ...]) -> InferredNode:
    (shape,) = shapes
    option = options["index"]
    option = option if isinstance(option, list | tuple) else [option]
    if len(option) > len(shape):
        raise MisfitError(f"an index of at most {len(shape)} axes", f"one of {len(option)}", field="index")
    indices = tuple(_read_index(entry, size) for entry, size in zip(option, shape, strict=False))
    index = (*indices, *(slice(None),) * (len(shape) - len(indices)))
    kept = [
        len(range(*entry.indices(size)))
        for entry, size in zip(index, shape, strict=True)
        if isinstance(entry, slice)
    ]
    return InferredNode(tuple(kept), {"index": index})


def _read_index(option: Any, size: int) -> int | slice:
    if option is None:
        return slice(None)
    ends = [option] if isinstance(option, int) else option
    rule = "per axis a whole number, [start, stop], [start, stop, step] or null"
    if not isinstance(ends, list | tuple) or not 1 <= len(ends) <= 3:
        raise MisfitError(rule, describe(option), field="index")
    for end in ends:
        if isinstance(end, bool) or not (end is None or isinstance(end, int)):
            raise MisfitError(rule, describe(end), field="index")
    if isinstance(option, int):
        if not -size <= option < size:
            raise MisfitError(f"a number from {-size} to {size - 1}", str(option), field="index")
        return option
    if len(ends) == 3 and not (ends[2] is None or ends[2] > 0):
        raise MisfitError("a step of at least 1", describe(ends[2]), field="index")
    part = slice(*ends) if len(ends) > 1 else slice(ends[0], None)
    if not range(*part.indices(size)):
        raise MisfitError(f"a range that holds some of {size} entries", str(list(ends)), field="index")
    return part


def _slice_back(
    A: Any, node: Node, operands: Sequence[Any], value: Any, upstream: Any, kinks: Array | None
) -> tuple[Any, ...]:
    def scatter(part: Array) -> Array:
        gradient = np.zeros(node.operand_shapes[0])
        gradient[node.options["index"]] = part
        return gradient

    return (A.move(scatter, upstream),)


def _slice(part: Array, index: tuple[int | slice, ...]) -> Array:
    return np.asarray(part[(slice(None),) * (part.ndim - len(index)) + index])


SLICE = GraphOperation(
    name="slice",
    description="a part: `index` has for each axis a whole number, [start, stop, step] or null",
    operands=(1, 1),
    fit=_fit_slice,
    value=lambda A, node, operands: A.move(lambda part: _slice(part, node.options["index"]), *operands),
    vjp=_slice_back,
    in_torch=lambda torch, node, operands: operands[0][node.options["index"]],
    in_graph=lambda graph, node, operands: graph.Slice(node.options["index"])(operands[0]),
    options=("index",),
    needed=("index",),
    locality=lambda node, perturbed: (
        Locality.ROW if node.options["index"][:1] == (slice(None),) else Locality.EVERYTHING
    ),
)
