"""Compositions that move, copy or leave out entries: flip, roll, repeat, pad, tril, stack and others."""

from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.operations.compositions.elementwise import copied
from verifier.engine.operations.steps import (
    Step,
    composed,
    number,
    rearranged,
    reshape,
    stack,
    whole_number,
    whole_numbers,
)
from verifier.problem.errors import describe
from verifier.problem.graph import GraphOperation, MisfitError, Options, Shape, negative_axes, negative_axis


def _flip(x: Step, axis: Any = None) -> Step:
    axes = negative_axes(axis, x.rank)
    return rearranged(x, lambda index: np.flip(index, axes))


def _roll(x: Step, shift: Any, axis: Any = None) -> Step:
    if axis is None:
        steps = whole_number(shift, "shift")
        return rearranged(x, lambda index: np.roll(index, steps))
    axes = [negative_axis(entry, x.rank) for entry in (axis if isinstance(axis, list | tuple) else [axis])]
    shifts = whole_numbers(shift, len(axes), "shift")
    return rearranged(x, lambda index: np.roll(index, shifts, axes))


def _repeat(x: Step, times: Any) -> Step:
    count = len(times) if isinstance(times, list | tuple) else 1
    copies = whole_numbers(times, count, "times", 1)
    return rearranged(x, lambda index: np.tile(index, copies))


def _broadcast_to(x: Step, shape: Any) -> Step:
    sizes = whole_numbers(shape, len(shape) if isinstance(shape, list | tuple) else 1, "shape", 0)
    return copied(x, sizes)


def pad(x: Step, widths: Any, value: Any = 0.0) -> Step:
    """Return x with `value` before and after its axes: one pair of widths an axis, the last axes if fewer.

    A negative width takes entries away.
    """
    fill = number(value, "value")
    rule = "a list of [before, after], one for each of the last axes"
    if not isinstance(widths, list | tuple) or not 0 < len(widths) <= x.rank:
        raise MisfitError(rule, describe(widths), field="widths")
    pairs = [(0, 0)] * (x.rank - len(widths)) + [whole_numbers(pair, 2, "widths") for pair in widths]
    if any(size + before + after < 0 for size, (before, after) in zip(x.shape, pairs, strict=True)):
        raise MisfitError("widths that leave something", describe(widths), field="widths")

    def padded(index: Array) -> Array:
        grown = [(max(before, 0), max(after, 0)) for before, after in pairs]
        index = np.pad(index, grown, constant_values=-1)
        kept = tuple(
            slice(max(-before, 0), size - max(-after, 0))
            for size, (before, after) in zip(index.shape, pairs, strict=True)
        )
        return index[kept]

    return rearranged(x, padded, fill)


def _triangle(x: Step, diagonal: Any, *, lower: bool) -> Step:
    offset = whole_number(diagonal, "diagonal")
    if x.rank < 2:
        raise MisfitError("a matrix", f"shape {x.shape}")
    mask = np.tri(x.shape[-2], x.shape[-1], k=offset if lower else offset - 1, dtype=bool)
    kept = mask if lower else ~mask
    return rearranged(x, lambda index: np.where(kept, index, -1))


def _diagonal(x: Step, offset: Any = 0) -> Step:
    place = whole_number(offset, "offset")
    if x.rank < 2:
        raise MisfitError("a matrix", f"shape {x.shape}")
    return rearranged(x, lambda index: np.diagonal(index, place, -2, -1))


def _stack(*parts: Step, axis: Any = 0) -> Step:
    shape = parts[0].shape
    if any(part.shape != shape for part in parts):
        raise MisfitError("operands of one shape", " and ".join(str(part.shape) for part in parts))
    rank = len(shape) + 1
    return stack(list(parts), rank + negative_axis(axis, rank))


def _check_places(options: Options, shapes: tuple[Shape, ...], indices: Array) -> str:
    size = max(shapes[0], default=1)
    wrong = (indices != np.rint(indices)) | (indices < -size) | (indices >= size)
    return "whole numbers within the axis" if wrong.any() else ""


def _take_along(x: Step, indices: Array, axis: Any = -1) -> Step:
    place = negative_axis(axis, x.rank)
    if indices.ndim != x.rank:
        raise MisfitError(f"indices of {x.rank} axes, as the first operand has", f"{indices.ndim}")
    places, size = indices.astype(np.intp), x.shape[place]
    if ((places < -size) | (places >= size)).any():
        raise MisfitError(f"indices from 0 to {size - 1}", "others")
    return rearranged(x, lambda index: _along(index, places, place))


def _along(index: Array, places: Array, axis: int) -> Array:
    """Return entries along an axis; other axes may be longer than those of `places`, as in PyTorch."""
    axis = index.ndim + axis
    shape = list(places.shape)
    kept = tuple(
        slice(None) if other == axis or size == 1 else slice(size) for other, size in enumerate(shape)
    )
    return np.asarray(np.take_along_axis(index[kept], places, axis))


def _squeeze(x: Step, axis: Any = None) -> Step:
    axes = negative_axes(axis, x.rank)
    shape = [size for place, size in enumerate(x.shape) if size != 1 or place - x.rank not in axes]
    return reshape(x, shape)


ROWS: tuple[GraphOperation, ...] = (
    composed("flip", "the entries along `axis` in reverse order", _flip, options=("axis",)),
    composed(
        "roll",
        "the entries moved by `shift` along `axis`, the last ones to the front",
        _roll,
        options=("shift", "axis"),
        needed=("shift",),
    ),
    composed(
        "repeat",
        "`times` copies along each axis, side by side",
        _repeat,
        options=("times",),
        needed=("times",),
    ),
    composed("broadcast_to", "copies up to `shape`", _broadcast_to, options=("shape",), needed=("shape",)),
    composed(
        "pad",
        "`value`, 0 unless given, before and after: `widths` holds [before, after] of the last axes",
        pad,
        options=("widths", "value"),
        needed=("widths",),
    ),
    composed(
        "tril",
        "matrices with zeros above `diagonal`, 0 unless given",
        lambda x, diagonal=0: _triangle(x, diagonal, lower=True),
        options=("diagonal",),
    ),
    composed(
        "triu",
        "matrices with zeros below `diagonal`, 0 unless given",
        lambda x, diagonal=0: _triangle(x, diagonal, lower=False),
        options=("diagonal",),
    ),
    composed(
        "diagonal", "the diagonal of matrices, `offset` above the main one", _diagonal, options=("offset",)
    ),
    composed(
        "stack",
        "operands of one shape along a new `axis`, 0 unless given",
        _stack,
        (1, None),
        options=("axis",),
    ),
    composed("squeeze", "without axes of size 1, all or those in `axis`", _squeeze, options=("axis",)),
    composed(
        "take_along",
        "entries along `axis`, by their numbers from 0 (second, an input of as many axes)",
        _take_along,
        (2, 2),
        options=("axis",),
        data=(1,),
        check_data=_check_places,
    ),
)
