"""Backward nodes of PyTorch that move, select, copy or reduce entries."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.importers.common import Unsupported, array_of
from verifier.documents.importers.torch_operations.calls import (
    Built,
    Operand,
    Row,
    Saved,
    X,
    call,
    moved,
    pairs,
    plain,
    signed,
)


def _reshape(saved: Saved) -> Built:
    return call("reshape", X, shape=list(saved.shape))


def _transposed(saved: Saved) -> Built:
    axes = list(range(len(saved.shape)))
    first, second = saved.axis("dim0"), saved.axis("dim1")
    axes[first], axes[second] = axes[second], axes[first]
    return call("transpose", X, axes=axes)


def _sliced(saved: Saved) -> Built:
    axis = saved.axis("dim") % len(saved.shape)
    size = saved["self_sym_sizes"][axis]
    bounds = [max(0, signed(saved["start"])), min(signed(saved["end"]), size), saved["step"]]
    return call("slice", X, index=[*[None] * axis, bounds])


def _selected(saved: Saved) -> Built:
    axis = saved.axis("dim") % (len(saved.shape) + 1)
    return call("slice", X, index=[*[None] * axis, signed(saved["index"])])


def _pieces(saved: Saved) -> Built:
    """Return the results of split and chunk."""
    axis = saved.axis("dim") % len(saved.shape)
    ends = np.cumsum([shape[axis] for shape in saved.shapes]).tolist()
    return {
        place: call("slice", X, index=[*[None] * axis, [end - shape[axis], end]])
        for place, (shape, end) in enumerate(zip(saved.shapes, ends, strict=True))
    }


def _unbound(saved: Saved) -> Built:
    axis = saved.axis("dim") % (len(saved.shape) + 1)
    return {place: call("slice", X, index=[*[None] * axis, place]) for place in range(len(saved.shapes))}


def _edges(saved: Saved) -> list[Operand]:
    return [Operand(place) for place in range(len(saved.node.next_functions))]


def _concatenated(saved: Saved) -> Built:
    return call("concatenate", *_edges(saved), axis=saved.axis("dim"))


def _stacked(saved: Saved) -> Built:
    return call("stack", *_edges(saved), axis=saved.axis("dim"))


def _expanded(saved: Saved) -> Built:
    return call("broadcast_to", X, shape=list(saved.shape))


def _indexed(saved: Saved) -> Built:
    indices = tuple(slice(None) if index is None else array_of(index) for index in saved["indices"])
    return moved(saved, lambda places: places[indices])


def _gathered(saved: Saved) -> Built:
    axis, indices = saved.axis("dim"), saved.array("index")
    return (
        call("take_along", X, indices.astype(np.float64), axis=axis) if indices.ndim else call("identity", X)
    )


def _rows_selected(saved: Saved) -> Built:
    axis, indices = saved.axis("dim"), saved.array("index")
    return moved(saved, lambda places: np.take(places, indices.reshape(-1), axis=axis))


def _embedded(saved: Saved) -> Built:
    if saved["scale_grad_by_freq"]:
        raise Unsupported("embedding with scale_grad_by_freq", "leave it out")
    rows, padding = call("embedding", Operand(0, "weight"), Operand(1, "indices")), saved.axis("padding_idx")
    if padding < 0:
        return rows
    counted = saved.array("indices") != padding  # the row of padding gets no gradient; usually it is 0
    return call("where", counted[..., np.newaxis].astype(np.float64), rows, 0.0)


def _rolled(saved: Saved) -> Built:
    shifts, axes = list(saved["shifts"]), saved.axes("dims")
    return call("roll", X, shift=shifts if axes else shifts[0], axis=axes)


def _repeated(saved: Saved) -> Built:
    times = list(saved["repeats"])
    if 0 in times:
        raise Unsupported("repeat without a copy", "give at least 1")
    return call("repeat", X, times=times)


def _diagonal(saved: Saved) -> Built:
    first, second = saved.axis("dim1"), saved.axis("dim2")
    return moved(saved, lambda places: np.diagonal(places, saved.axis("offset"), first, second))


def _masked(saved: Saved) -> Built:
    mask = saved.array("mask").astype(bool)
    return moved(saved, lambda places: places[np.broadcast_to(mask, places.shape)])


def _taken(saved: Saved) -> Built:
    indices = saved.array("index")
    size = int(np.prod(saved.operand_shape(0)))
    return call("take", X, np.where(indices < 0, indices + size, indices).astype(np.float64))


def _unfolded(saved: Saved) -> Built:
    axis, size, step = saved.axis("dimension"), saved["size"], saved["step"]

    def windows(places: Array) -> Array:
        views = np.lib.stride_tricks.sliding_window_view(places, size, axis=axis)
        return views[(slice(None),) * (axis % places.ndim) + (slice(None, None, step),)]

    return moved(saved, windows)


def _padded_as(mode: str) -> Row:
    def row(saved: Saved) -> Built:
        shape, widths = saved.operand_shape(0), pairs([signed(width) for width in saved["padding"]])
        whole = [[0, 0]] * (len(shape) - len(widths)) + widths
        if any(width < 0 for pair in whole for width in pair):
            raise Unsupported(f"padding of mode {mode} with a negative width", "slice instead")
        return moved(saved, lambda places: np.pad(places, whole, mode=mode))  # type: ignore[call-overload]

    return row


def _padded(saved: Saved) -> Built:
    return call("pad", X, widths=pairs([signed(width) for width in saved["pad"]]))


def _reduction(op: str, **options: Any) -> Row:
    def row(saved: Saved) -> Built:
        axes = saved.axes("dim")
        return call(op, X, axis=axes, keepdims=bool(saved["keepdim"]), **options)

    return row


def _reduction_of_one_axis(op: str) -> Row:
    def row(saved: Saved) -> Built:
        return call(op, X, axis=saved.axis("dim"), keepdims=bool(saved["keepdim"]))

    return row


def _with_correction(op: str) -> Row:
    return lambda saved: {0: _spread(op, saved)}


def _spread(op: str, saved: Saved) -> Any:
    correction = saved["correction"]
    correction = 1 if correction is None else float(correction)
    return call(op, X, axis=saved.axes("dim"), keepdims=bool(saved["keepdim"]), correction=correction)


def _spread_and_mean(op: str) -> Row:
    def row(saved: Saved) -> Built:
        average = call("mean", X, axis=saved.axes("dim"), keepdims=bool(saved["keepdim"]))
        return {0: _spread(op, saved), 1: average}

    return row


def _norm(order: str) -> Row:
    def row(saved: Saved) -> Built:
        number = 2.0 if saved.get(order) is None else float(saved[order])
        keepdims = saved.get("keepdim")
        axes = saved.axes("dim") if saved.get("dim") else None
        return call(
            "norm", X, axis=axes, keepdims=bool(keepdims), order="inf" if np.isinf(number) else number
        )

    return row


def _chosen(saved: Saved) -> Built:
    """Return the values of sort, topk, median and others, by the indices that they saved."""
    indices, axis = saved.array("indices"), saved.axis("dim")
    if saved.get("keepdim") is False:
        indices = np.expand_dims(indices, axis)
        chosen = call("take_along", X, indices.astype(np.float64), axis=axis)
        return call("reshape", chosen, shape=list(saved.shape))
    return call("take_along", X, indices.astype(np.float64), axis=axis)


_RESHAPES = (
    "ViewBackward0",
    "ReshapeAliasBackward0",
    "UnsafeViewBackward0",
    "UnsqueezeBackward0",
    "SqueezeBackward0",
    "SqueezeBackward1",
    "SqueezeBackward2",
    "SqueezeBackward4",
)
_COPIES = ("CloneBackward0", "AliasBackward0", "ToCopyBackward0")
_Movement = Callable[[Saved], Built]

ROWS: Mapping[str, Row] = {
    "TBackward0": plain("transpose"),
    **dict.fromkeys(("TransposeBackward0", "TransposeBackward1"), _transposed),
    "PermuteBackward0": lambda saved: call("transpose", X, axes=saved.axes("dims")),
    **dict.fromkeys(_RESHAPES, _reshape),
    **dict.fromkeys(_COPIES, plain("identity")),
    "ExpandBackward0": _expanded,
    "SliceBackward0": _sliced,
    "SelectBackward0": _selected,
    "SplitBackward0": _pieces,
    "SplitWithSizesBackward0": _pieces,
    "UnsafeSplitBackward0": _pieces,
    "UnbindBackward0": _unbound,
    "CatBackward0": _concatenated,
    "StackBackward0": _stacked,
    "IndexBackward0": _indexed,
    "IndexSelectBackward0": _rows_selected,
    "GatherBackward0": _gathered,
    "TakeBackward0": _taken,
    "MaskedSelectBackward0": _masked,
    "EmbeddingBackward0": _embedded,
    "RollBackward0": _rolled,
    "FlipBackward0": lambda saved: call("flip", X, axis=saved.axes("dims")),
    "RepeatBackward0": _repeated,
    "TrilBackward0": lambda saved: call("tril", X, diagonal=saved.axis("diagonal")),
    "TriuBackward0": lambda saved: call("triu", X, diagonal=saved.axis("diagonal")),
    "DiagonalBackward0": _diagonal,
    "UnfoldBackward0": _unfolded,
    "ConstantPadNdBackward0": _padded,
    **{f"ReflectionPad{axes}DBackward0": _padded_as("reflect") for axes in (1, 2, 3)},
    **{f"ReplicationPad{axes}DBackward0": _padded_as("edge") for axes in (1, 2, 3)},
    "SumBackward0": plain("sum"),
    "SumBackward1": _reduction("sum"),
    "MeanBackward0": plain("mean"),
    "MeanBackward1": _reduction("mean"),
    "AmaxBackward0": _reduction("max"),
    "AminBackward0": _reduction("min"),
    "MaxBackward0": _reduction_of_one_axis("max"),
    "MaxBackward1": plain("max"),
    "MinBackward0": _reduction_of_one_axis("min"),
    "MinBackward1": plain("min"),
    "ProdBackward0": plain("prod"),
    "ProdBackward1": _reduction_of_one_axis("prod"),
    "CumsumBackward0": lambda saved: call("cumsum", X, axis=saved.axis("dim")),
    "VarBackward0": _with_correction("var"),
    "StdBackward0": _with_correction("std"),
    "VarMeanBackward0": _spread_and_mean("var"),
    "StdMeanBackward0": _spread_and_mean("std"),
    "LinalgVectorNormBackward0": _norm("ord"),
    "NormBackward1": _norm("p"),
    "LogsumexpBackward0": _reduction("logsumexp"),
    "SortBackward0": _chosen,
    "SortBackward1": _chosen,
    "TopkBackward0": _chosen,
    "MedianBackward1": _chosen,
    "KthvalueBackward0": _chosen,
}
