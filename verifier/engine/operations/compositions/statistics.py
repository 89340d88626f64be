"""Compositions that reduce along axes: min, prod, var, std, norm, logsumexp; and running sums."""

from collections.abc import Callable
from math import inf, prod
from typing import Any

import numpy as np

from verifier.engine.operations.steps import (
    Step,
    apply,
    composed,
    concatenate,
    largest,
    mean,
    number,
    rearranged,
    reshape,
    total,
    transpose,
)
from verifier.problem.errors import describe
from verifier.problem.graph import GraphOperation, MisfitError, Shape, negative_axes, negative_axis


def reduced_shape(x: Step, axes: tuple[int, ...], keepdims: bool) -> Shape:
    """Return the shape of x with some axes, counted from the end, reduced."""
    sizes = enumerate(x.shape, start=-x.rank)
    return tuple(1 if axis in axes else size for axis, size in sizes if keepdims or axis not in axes)


def variance(x: Step, axis: Any = None, keepdims: bool = False, correction: float = 0.0) -> Step:
    """Return Σ (x − mean)² / (n − correction)."""
    axes = negative_axes(axis, x.rank)
    deviations = x - mean(x, list(axes), keepdims=True)
    count = prod(x.shape[axis] for axis in axes)
    divisor = count - number(correction, "correction")
    if divisor <= 0:
        raise MisfitError(
            f"a number below {count}, the entries of each variance", str(correction), field="correction"
        )
    return total(apply("power", deviations, exponent=2.0), list(axes), keepdims) / divisor


def deviation(x: Step, axis: Any = None, keepdims: bool = False, correction: float = 0.0) -> Step:
    return apply("sqrt", variance(x, axis, keepdims, correction))


def norm(x: Step, axis: Any = None, keepdims: bool = False, order: Any = 2.0) -> Step:
    """Return the norm of an order: a number of at least 1, or "inf"."""
    axes = list(negative_axes(axis, x.rank))
    if order in ("inf", inf):
        return largest(apply("absolute", x), axes, keepdims)
    exponent = number(order, "order")
    if exponent < 1:
        raise MisfitError('a number of at least 1, or "inf"', describe(order), field="order")
    if exponent == 2:
        return apply("sqrt", total(apply("power", x, exponent=2.0), axes, keepdims))
    sizes = apply("absolute", x)
    if exponent == 1:
        return total(sizes, axes, keepdims)
    powers = total(apply("power", sizes, exponent=exponent), axes, keepdims)
    return apply("power", powers, exponent=1.0 / exponent)


def logsumexp(x: Step, axis: Any = None, keepdims: bool = False) -> Step:
    """Return log Σ eˣ, with the largest exponent subtracted."""
    axes = list(negative_axes(axis, x.rank))
    top = largest(x, axes, keepdims=True)
    logarithm = apply("log", total(apply("exp", x - top), axes, keepdims))
    return reshape(top, logarithm.shape) + logarithm


def product(x: Step, axis: Any = None, keepdims: bool = False) -> Step:
    """Return the product, by halves, so that factors of 0 need no division."""
    axes = negative_axes(axis, x.rank)
    kept = [place for place in range(x.rank) if place - x.rank not in axes]
    front = tuple(x.shape[place] for place in kept)
    order = [*kept, *(x.rank + axis for axis in axes)]
    factors = reshape(transpose(x, order), (*front, prod(x.shape[axis] for axis in axes)))
    if not factors.shape[-1]:
        raise MisfitError("at least one factor", f"none, in shape {x.shape}")
    while (count := factors.shape[-1]) > 1:
        half = count // 2
        pairs = _part(factors, 0, half) * _part(factors, half, 2 * half)
        factors = (
            concatenate([pairs, _part(factors, 2 * half, count)], pairs.rank - 1) if count % 2 else pairs
        )
    return reshape(factors, reduced_shape(x, axes, keepdims))


def _part(x: Step, start: int, stop: int) -> Step:
    return rearranged(x, lambda index: index[..., start:stop])


def running_sum(x: Step, axis: Any) -> Step:
    """Return the sums of all entries up to each along an axis, as a product with a triangle of ones."""
    place = x.rank + negative_axis(axis, x.rank)
    order = [*(other for other in range(x.rank) if other != place), place]
    sums = transpose(x, order) @ np.triu(np.ones((x.shape[place],) * 2))
    return transpose(sums, [int(entry) for entry in np.argsort(order)])


def _reduction(name: str, description: str, build: Callable[..., Step], *options: str) -> GraphOperation:
    return composed(name, description, build, options=("axis", "keepdims", *options))


ROWS: tuple[GraphOperation, ...] = (
    _reduction(
        "min", "the smallest over `axis`", lambda x, axis=None, keepdims=False: -largest(-x, axis, keepdims)
    ),
    _reduction("prod", "the product over `axis`", product),
    _reduction(
        "var", "the variance over `axis`, divided by n − `correction`, 0 unless given", variance, "correction"
    ),
    _reduction("std", "the square root of `var`", deviation, "correction"),
    _reduction("norm", 'the norm over `axis` of `order` 2, another number, or "inf"', norm, "order"),
    _reduction("logsumexp", "log Σ eˣ over `axis`", logsumexp),
    composed(
        "cumsum",
        "sums of all entries up to each along `axis`",
        running_sum,
        options=("axis",),
        needed=("axis",),
    ),
)
