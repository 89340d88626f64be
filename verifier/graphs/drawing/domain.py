"""Domains of operands, in which an operation is defined and its value is of moderate size."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array

Drawn = Callable[[np.random.Generator, tuple[int, ...]], Array]


@dataclass(frozen=True, slots=True)
class Domain:
    """Set of numbers.

    numbers: short decimals of the domain, simplest first.
    holds: predicate on an array; true if all values are in the domain.
    drawn: function of (rng, shape) that returns numbers in general position.
    """

    numbers: tuple[float, ...]
    holds: Callable[[Array], bool]
    drawn: Drawn


def _signed(*numbers: float) -> tuple[float, ...]:
    return tuple(sign * number for number in numbers for sign in (1.0, -1.0))


def _within(low: float, high: float) -> Callable[[Array], bool]:
    return lambda values: bool((low <= values).all() and (values <= high).all())


def whole(count: int) -> Domain:
    """Return the domain of the whole numbers from 0 to count - 1."""
    return Domain(
        tuple(float(number) for number in range(count)),
        _within(0, count - 1),
        lambda rng, shape: rng.integers(count, size=shape).astype(np.float64),
    )


_WHOLE = (1.0, 2.0, -1.0, 3.0, -2.0)
_FRACTIONS = _signed(0.5, 1.5, 0.25, 0.75)

ANY = Domain((*_WHOLE, 0.0, *_FRACTIONS), lambda values: True, lambda rng, shape: rng.normal(size=shape))
SMALL = Domain(
    (1.0, 2.0, -1.0, 0.0, -2.0, *_FRACTIONS),
    _within(-2.5, 2.5),
    lambda rng, shape: rng.uniform(-1.5, 1.5, size=shape),
)
APART_FROM_ZERO = Domain(
    (*_WHOLE, *_FRACTIONS),
    lambda values: bool((np.abs(values) >= 0.25).all()),
    lambda rng, shape: rng.uniform(0.4, 2.0, size=shape) * rng.choice([-1.0, 1.0], size=shape),
)
POSITIVE = Domain(
    (1.0, 2.0, 3.0, 4.0, 0.5, 1.5, 0.25, 0.75),
    _within(0.2, np.inf),
    lambda rng, shape: rng.uniform(0.3, 3.0, size=shape),
)
PROBABILITY = Domain(
    (0.5, 0.25, 0.75), _within(0.05, 0.95), lambda rng, shape: rng.uniform(0.1, 0.9, size=shape)
)
LABEL = Domain((1.0, 0.0), _within(0, 1), lambda rng, shape: rng.integers(2, size=shape).astype(np.float64))
WEIGHT = Domain(  # class weights in soft targets
    (1.0, 0.0, 0.5), _within(0, 1), lambda rng, shape: np.round(rng.uniform(0.1, 0.9, size=shape), 1)
)
