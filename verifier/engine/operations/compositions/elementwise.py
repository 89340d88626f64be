"""Compositions that work entry by entry: further activations, powers, the larger of two."""

from collections.abc import Callable
from math import log

import numpy as np

from verifier.engine.operations.steps import (
    Step,
    apply,
    channels_last,
    channels_second,
    composed,
    largest,
    number,
    rearranged,
    stack,
)
from verifier.problem.graph import GraphOperation, MisfitError, Shape, broadcast, negative_axis


def copied(x: Step, shape: Shape) -> Step:
    """Return x broadcast to a shape. Raises: MisfitError."""
    if broadcast((x.shape, shape)) != tuple(shape):
        raise MisfitError(f"a shape to which {x.shape} broadcasts", str(tuple(shape)), field="shape")
    return x if x.shape == tuple(shape) else rearranged(x, lambda index: np.broadcast_to(index, shape))


def maximum(x: Step, y: Step) -> Step:
    """Return the larger of two, entry by entry."""
    shape = broadcast((x.shape, y.shape))
    return largest(stack([copied(x, shape), copied(y, shape)], 0), 0)


def minimum(x: Step, y: Step) -> Step:
    return -maximum(-x, -y)


def power(x: Step, exponent: float) -> Step:
    """Return x to the power of a number."""
    return apply("power", x, exponent=exponent)


def softplus(x: Step) -> Step:
    return apply("softplus", x)


def hinge(x: Step, bound: float = 6.0) -> Step:
    """Return x between 0 and a bound."""
    return apply("clip", x, min=0.0, max=bound)


def _celu(x: Step, alpha: float = 1.0) -> Step:
    alpha = number(alpha, "alpha")
    if alpha <= 0:
        raise MisfitError("a number above 0", str(alpha), field="alpha")
    return alpha * apply("elu", x / alpha) if alpha != 1 else apply("elu", x)


def _prelu(x: Step, slope: Step) -> Step:
    """Return x where it is positive, else slope times x; several slopes are those of channels, axis 1."""
    by_channel = slope.rank == 1 and x.rank > 1 and slope.shape[0] > 1
    rows = channels_last(x) if by_channel else x
    value = apply("relu", rows) - slope * apply("relu", -rows)
    return channels_second(value) if by_channel else value


def _glu(x: Step, axis: int = -1) -> Step:
    place = x.rank + negative_axis(axis, x.rank)
    if x.shape[place] % 2:
        raise MisfitError("an axis of even size", str(x.shape[place]), field="axis")
    half = x.shape[place] // 2
    left = rearranged(x, lambda index: np.take(index, range(half), axis=place))
    right = rearranged(x, lambda index: np.take(index, range(half, 2 * half), axis=place))
    return left * apply("sigmoid", right)


def _softshrink(x: Step, threshold: float = 0.5) -> Step:
    threshold = number(threshold, "threshold")
    return apply("relu", x - threshold) - apply("relu", -x - threshold)


def _row(name: str, description: str, of_one: Callable[[Step], Step]) -> GraphOperation:
    return composed(name, description, of_one)


def _lerp(x: Step, y: Step, weight: Step) -> Step:
    return x + weight * (y - x)


ROWS: tuple[GraphOperation, ...] = (
    _row("reciprocal", "1 / x", lambda x: power(x, -1.0)),
    _row("rsqrt", "1 / √x", lambda x: power(x, -0.5)),
    _row("square", "x²", lambda x: power(x, 2.0)),
    _row("log2", "the logarithm to base 2", lambda x: apply("log", x) * (1.0 / log(2.0))),
    _row("log10", "the logarithm to base 10", lambda x: apply("log", x) * (1.0 / log(10.0))),
    _row("exp2", "2ˣ", lambda x: apply("exp", x * log(2.0))),
    _row("sinh", "sinh x", lambda x: 0.5 * (apply("exp", x) - apply("exp", -x))),
    _row("cosh", "cosh x", lambda x: 0.5 * (apply("exp", x) + apply("exp", -x))),
    _row("tan", "tan x", lambda x: apply("sin", x) / apply("cos", x)),
    composed(
        "tensor_power",
        "xʸ for x > 0, entry by entry",
        lambda x, y: apply("exp", y * apply("log", x)),
        (2, 2),
    ),
    composed("maximum", "the larger of two, entry by entry", maximum, (2, 2)),
    composed("minimum", "the smaller of two, entry by entry", minimum, (2, 2)),
    composed("lerp", "x + w (y − x), the third being w", _lerp, (3, 3)),
    _row("relu6", "x between 0 and 6", hinge),
    _row("hardsigmoid", "x / 6 + 1/2 between 0 and 1", lambda x: hinge(x + 3.0) / 6.0),
    composed("celu", "x, for x < 0 a (e^(x/a) − 1) with a number a, `alpha`", _celu, options=("alpha",)),
    _row("tanhshrink", "x − tanh x", lambda x: x - apply("tanh", x)),
    composed("softshrink", "x moved towards 0 by `threshold`, a half", _softshrink, options=("threshold",)),
    composed("prelu", "x, for x < 0 the second times x", _prelu, (2, 2)),
    composed("glu", "one half along `axis` times sigmoid of the other", _glu, options=("axis",)),
)
