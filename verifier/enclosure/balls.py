"""Operations on intervals that the gradient of a loss may use."""

from reference_impl.array import Array
from verifier.enclosure.ball import Ball, exact, minus, plus, quotient, times
from verifier.enclosure.functions import cross_entropy_delta, value

__all__ = ["Ball", "cross_entropy_delta", "exact", "minus", "negative", "plus", "quotient", "times", "value"]


def negative(x: Ball) -> Ball:
    """Return an enclosure of −x."""
    return Ball(-x.middle, x.radius)


def complement(x: Ball) -> Ball:
    """Return an enclosure of 1 − x."""
    return minus(exact(_ones(x.middle)), x)


def _ones(like: Array) -> Array:
    return like * 0.0 + 1.0
