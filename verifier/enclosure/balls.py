"""What a loss's row may use to enclose its gradient."""

from reference_impl.array import Array
from verifier.enclosure.ball import Ball, exact, minus, plus, quotient, times
from verifier.enclosure.functions import cross_entropy_delta, value

__all__ = ["Ball", "cross_entropy_delta", "exact", "minus", "negative", "plus", "quotient", "times", "value"]


def negative(x: Ball) -> Ball:
    return Ball(-x.middle, x.radius)


def complement(x: Ball) -> Ball:
    """Enclose 1 − x."""
    return minus(exact(_ones(x.middle)), x)


def _ones(like: Array) -> Array:
    return like * 0.0 + 1.0
