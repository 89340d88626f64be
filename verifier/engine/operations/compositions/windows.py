"""Compositions over windows of the last axes: convolution, max pooling and average pooling."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.operations.steps import (
    Step,
    channels_second,
    composed,
    largest,
    rearranged,
    reshape,
    total,
    transpose,
    whole_number,
    whole_numbers,
)
from verifier.problem.errors import describe
from verifier.problem.graph import GraphOperation, MisfitError

_LOWEST = -1e30  # below any number that a maximum meets, and a number of float32
_MOST_SPATIAL = 3


def _windows(
    index: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] | None = None,
    ceil_mode: bool = False,
) -> Array:
    """Return entries by window: the last axes become places of windows, and behind them places within one.

    An entry of the padding is −1.
    """
    spatial = len(kernel)
    dilation = dilation or [1] * spatial
    spans = [(size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True)]
    sizes = index.shape[-spatial:]
    counts = []
    for size, span, step, border in zip(sizes, spans, stride, padding, strict=True):
        room = size + 2 * border - span
        if room < 0:
            raise MisfitError(f"axes of at least {span} with their padding", f"{size + 2 * border}")
        count = -(-room // step) + 1 if ceil_mode else room // step + 1
        # as in PyTorch, no window begins in the padding at the end
        counts.append(count - 1 if ceil_mode and (count - 1) * step >= size + border else count)
    ends = [
        max(0, (count - 1) * step + span - size - border)
        for count, step, span, size, border in zip(counts, stride, spans, sizes, padding, strict=True)
    ]
    widths = [(0, 0)] * (index.ndim - spatial) + list(zip(padding, ends, strict=True))
    index = np.pad(index, widths, constant_values=-1)
    views = np.lib.stride_tricks.sliding_window_view(index, spans, axis=tuple(range(-spatial, 0)))
    front = (slice(None),) * (index.ndim - spatial)
    starts = tuple(slice(0, (count - 1) * step + 1, step) for count, step in zip(counts, stride, strict=True))
    return views[front + starts + tuple(slice(None, None, step) for step in dilation)]


def convolution(
    x: Step,
    weight: Step,
    bias: Step | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> Step:
    """Return the cross-correlation of x, (N, channels, …), with a weight, (filters, channels / groups, …)."""
    spatial = x.rank - 2
    if not 1 <= spatial <= _MOST_SPATIAL or weight.rank != x.rank:
        rule = "x (N, channels, …) and a weight (filters, channels, …) with one to three further axes"
        raise MisfitError(rule, f"{x.shape} and {weight.shape}")
    parts = whole_number(groups, "groups", 1)
    (examples, channels), (filters, depth), kernel = x.shape[:2], weight.shape[:2], weight.shape[2:]
    if channels != depth * parts or filters % parts:
        raise MisfitError(f"a weight of {channels} / groups channels", f"{depth} with {parts} groups")
    strides, borders = (
        whole_numbers(stride, spatial, "stride", 1),
        whole_numbers(padding, spatial, "padding", 0),
    )
    steps = whole_numbers(dilation, spatial, "dilation", 1)
    shape: list[int] = []

    def columns(index: Array) -> Array:
        windows = _windows(index, kernel, strides, borders, steps)  # (N, C, places…, within…)
        shape.extend(windows.shape[2 : 2 + spatial])
        windows = windows.reshape(examples, parts, depth, prod(shape), prod(kernel))
        return np.asarray(windows.transpose(1, 0, 3, 2, 4).reshape(parts, -1, depth * prod(kernel)))

    patches = rearranged(x, columns)
    filters_by_group = reshape(weight, (parts, filters // parts, depth * prod(kernel)))
    product = patches @ transpose(filters_by_group, (0, 2, 1))  # (groups, N places, filters of a group)
    product = reshape(product, (parts, examples, prod(shape), filters // parts))
    result = reshape(transpose(product, (1, 2, 0, 3)), (examples, *shape, filters))
    return channels_second(result if bias is None else result + bias)


def transposed_convolution(
    x: Step,
    weight: Step,
    bias: Step | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> Step:
    """Return the convolution's transpose: x (N, channels, …) and a weight (channels, filters / groups, …)."""
    spatial = x.rank - 2
    if not 1 <= spatial <= _MOST_SPATIAL or weight.rank != x.rank or x.shape[1] != weight.shape[0]:
        rule = "x (N, channels, …) and a weight (channels, filters, …) with one to three further axes"
        raise MisfitError(rule, f"{x.shape} and {weight.shape}")
    parts = whole_number(groups, "groups", 1)
    strides, borders = (
        whole_numbers(stride, spatial, "stride", 1),
        whole_numbers(padding, spatial, "padding", 0),
    )
    extra = whole_numbers(output_padding, spatial, "output_padding", 0)
    steps = whole_numbers(dilation, spatial, "dilation", 1)
    channels, filters, kernel = weight.shape[0], weight.shape[1], weight.shape[2:]

    def spread(index: Array) -> Array:  # zeros between the entries and around them
        shape = [(size - 1) * stride + 1 for size, stride in zip(index.shape[2:], strides, strict=True)]
        result = np.full((*index.shape[:2], *shape), -1)
        result[(slice(None),) * 2 + tuple(slice(None, None, stride) for stride in strides)] = index
        spans = [(size - 1) * step for size, step in zip(kernel, steps, strict=True)]
        widths = [
            (span - border, span - border + more)
            for span, border, more in zip(spans, borders, extra, strict=True)
        ]
        grown = np.pad(
            result, [(0, 0), (0, 0), *((max(a, 0), max(b, 0)) for a, b in widths)], constant_values=-1
        )
        kept = tuple(
            slice(max(-a, 0), size - max(-b, 0)) for (a, b), size in zip(widths, grown.shape[2:], strict=True)
        )
        return grown[(slice(None), slice(None), *kept)]

    def exchanged(index: Array) -> Array:  # the filters of each group first, and every axis reversed
        grouped = index.reshape(parts, channels // parts, filters, *kernel).swapaxes(1, 2)
        flipped = np.flip(grouped, tuple(range(3, 3 + spatial)))
        return flipped.reshape(parts * filters, channels // parts, *kernel)

    return convolution(
        rearranged(x, spread), rearranged(weight, exchanged), bias, dilation=list(steps), groups=parts
    )


def _spatial(kernel: Any, x: Step) -> int:
    """Return the number of axes that windows move along. Raises: MisfitError."""
    spatial = len(kernel) if isinstance(kernel, list | tuple) else max(x.rank - 2, 1)
    if not 1 <= spatial <= min(_MOST_SPATIAL, x.rank):
        raise MisfitError("a size, or one for each of the last axes", describe(kernel), field="kernel")
    return spatial


def max_pool(
    x: Step, *, kernel: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: Any = False
) -> Step:
    """Return the largest entry of each window along the last axes."""
    spatial = _spatial(kernel, x)
    sizes = whole_numbers(kernel, spatial, "kernel", 1)
    strides = sizes if stride is None else whole_numbers(stride, spatial, "stride", 1)
    borders = whole_numbers(padding, spatial, "padding", 0)
    steps = whole_numbers(dilation, spatial, "dilation", 1)
    windows = rearranged(
        x, lambda index: _windows(index, sizes, strides, borders, steps, bool(ceil_mode)), _LOWEST
    )
    return largest(windows, list(range(-spatial, 0)))


def average_pool(
    x: Step,
    *,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: Any = False,
    count_padding: Any = True,
    divisor: Any = None,
) -> Step:
    """Return the mean of each window along the last axes.

    count_padding: False to divide by the number of entries that are not padding. divisor: used instead.
    """
    spatial = _spatial(kernel, x)
    sizes = whole_numbers(kernel, spatial, "kernel", 1)
    strides = sizes if stride is None else whole_numbers(stride, spatial, "stride", 1)
    borders = whole_numbers(padding, spatial, "padding", 0)
    shape = x.shape[-spatial:]

    def windows(index: Array) -> Array:
        return _windows(index, sizes, strides, borders, None, bool(ceil_mode))

    within = windows(np.zeros(shape, dtype=int)) + 1
    counts = within.sum(axis=tuple(range(-spatial, 0)))
    if count_padding:
        counts = np.ones((1,) * spatial)
        for axis, (size, step, border) in enumerate(zip(sizes, strides, borders, strict=True)):
            starts = np.arange(within.shape[axis]) * step - border
            ends = np.minimum(starts + size, shape[axis] + border)  # padding counts up to its own end
            counts = counts * (ends - starts).reshape(-1, *(1,) * (spatial - 1 - axis))
    if divisor is not None:
        counts = np.full(counts.shape, whole_number(divisor, "divisor", 1))
    sums = total(rearranged(x, windows), list(range(-spatial, 0)))
    return sums / (float(counts.flat[0]) if (counts == counts.flat[0]).all() else counts)


_STRIDES = ("stride", "padding", "dilation", "groups")
ROWS: tuple[GraphOperation, ...] = (
    composed(
        "convolution",
        "of x (N, channels, …) with a weight (filters, channels / groups, …), and a bias or none",
        convolution,
        (2, 3),
        options=_STRIDES,
    ),
    composed(
        "transposed_convolution",
        "of x (N, channels, …) with a weight (channels, filters / groups, …), and a bias or none",
        transposed_convolution,
        (2, 3),
        options=(*_STRIDES, "output_padding"),
    ),
    composed(
        "max_pool",
        "the largest of each window of the last axes, of size `kernel`, which is also the usual `stride`",
        max_pool,
        options=("kernel", "stride", "padding", "dilation", "ceil_mode"),
        needed=("kernel",),
    ),
    composed(
        "average_pool",
        "the mean of each window; `count_padding` false to leave padding out",
        average_pool,
        options=("kernel", "stride", "padding", "ceil_mode", "count_padding", "divisor"),
        needed=("kernel",),
    ),
)
