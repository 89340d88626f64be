"""Compositions that normalise: layer, RMS, group and batch normalisation."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.operations.steps import (
    Step,
    apply,
    channels_last,
    channels_second,
    composed,
    mean,
    number,
    reshape,
    whole_number,
)
from verifier.problem.graph import GraphOperation, MisfitError

_EPSILON = 1e-5


def _normal(x: Step, axes: list[int], epsilon: Any) -> Step:
    """Return (x − mean) / √(variance + epsilon) over some axes."""
    deviations = x - mean(x, axes, keepdims=True)
    squares = mean(apply("power", deviations, exponent=2.0), axes, keepdims=True)
    return deviations / apply("sqrt", squares + number(epsilon, "epsilon"))


def _last_axes(x: Step, axes: Any) -> list[int]:
    count = whole_number(axes, "axes", 1)
    if count > x.rank:
        raise MisfitError(f"at most {x.rank}", str(count), field="axes")
    return list(range(-count, 0))


def layer_norm(x: Step, *affine: Step, axes: Any = 1, epsilon: Any = _EPSILON) -> Step:
    """Return x normalised over the last axes, times a weight and plus a bias if there are."""
    normal = _normal(x, _last_axes(x, axes), epsilon)
    return _affine(normal, affine)


def rms_norm(x: Step, *affine: Step, axes: Any = 1, epsilon: Any = _EPSILON) -> Step:
    """Return x / √(mean of x² + epsilon) over the last axes, times a weight if there is one."""
    squares = mean(apply("power", x, exponent=2.0), _last_axes(x, axes), keepdims=True)
    return _affine(x / apply("sqrt", squares + number(epsilon, "epsilon")), affine)


def batch_norm(x: Step, *affine: Step, epsilon: Any = _EPSILON) -> Step:
    """Return x normalised over all axes but that of channels, 1."""
    rows = _by_channel(x, affine)
    return channels_second(_affine(_normal(rows, list(range(x.rank - 1)), epsilon), affine))


def normalised_by(x: Step, statistics: Array, *affine: Step, epsilon: Any = _EPSILON) -> Step:
    """Return batch normalisation by known statistics: a row of means and a row of variances."""
    rows = _by_channel(x, affine)
    if statistics.shape != (2, x.shape[1]):
        raise MisfitError(f"means and variances of {x.shape[1]} channels", f"shape {statistics.shape}")
    means, variances = statistics
    scale = 1.0 / np.sqrt(variances + number(epsilon, "epsilon"))
    return channels_second(_affine((rows - means) * scale, affine))


def group_norm(x: Step, *affine: Step, groups: Any, epsilon: Any = _EPSILON) -> Step:
    """Return x normalised over the entries of each example's groups of channels."""
    _by_channel(x, affine)
    parts = whole_number(groups, "groups", 1)
    examples, channels = x.shape[:2]
    if channels % parts:
        raise MisfitError(f"a divisor of {channels} channels", str(parts), field="groups")
    rows = reshape(x, (examples, parts, channels // parts * prod(x.shape[2:])))
    normal = reshape(_normal(rows, [-1], epsilon), x.shape)
    return channels_second(_affine(channels_last(normal), affine)) if affine else normal


def _by_channel(x: Step, affine: Sequence[Step]) -> Step:
    """Return x with its channels in the last axis, where numbers of each channel broadcast to them."""
    if x.rank < 2:
        raise MisfitError("examples and channels, (N, channels, …)", f"shape {x.shape}")
    for part in affine:
        if part.shape != x.shape[1:2]:
            raise MisfitError(f"one number for each of {x.shape[1]} channels", f"shape {part.shape}")
    return channels_last(x)


def _affine(normal: Step, parts: Sequence[Step]) -> Step:
    for place, part in enumerate(parts):
        normal = normal * part if place == 0 else normal + part
    return normal


_DESCRIPTION = "times a weight and plus a bias, if there are"
ROWS: tuple[GraphOperation, ...] = (
    composed(
        "layer_norm",
        f"normalised over the last `axes`, 1 unless given, {_DESCRIPTION}",
        layer_norm,
        (1, 3),
        options=("axes", "epsilon"),
    ),
    composed(
        "rms_norm",
        "divided by its root mean square over the last `axes`, times a weight, if there is one",
        rms_norm,
        (1, 2),
        options=("axes", "epsilon"),
    ),
    composed(
        "batch_norm",
        f"normalised over examples and places, by channel, {_DESCRIPTION}",
        batch_norm,
        (1, 3),
        options=("epsilon",),
    ),
    composed(
        "group_norm",
        f"normalised over the channels of each of `groups`, {_DESCRIPTION}",
        group_norm,
        (1, 3),
        options=("groups", "epsilon"),
        needed=("groups",),
    ),
    composed(
        "normalised_by",
        "batch normalisation by known means and variances (second, an input of two rows)",
        normalised_by,
        (2, 4),
        options=("epsilon",),
        data=(1,),
    ),
)
