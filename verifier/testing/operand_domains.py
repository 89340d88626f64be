"""Sets of numbers that operands are drawn from, and the form in which an operation is drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.problem.graph import Shape

Drawn = Callable[[np.random.Generator, tuple[int, ...]], Array]


@dataclass(frozen=True, slots=True)
class OperandDomain:
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


def whole(count: int) -> OperandDomain:
    """Return the domain of the whole numbers from 0 to count - 1."""
    return OperandDomain(
        tuple(float(number) for number in range(count)),
        _within(0, count - 1),
        lambda rng, shape: rng.integers(count, size=shape).astype(np.float64),
    )


_WHOLE = (1.0, 2.0, -1.0, 3.0, -2.0)
_FRACTIONS = _signed(0.5, 1.5, 0.25, 0.75)

ANY = OperandDomain(
    (*_WHOLE, 0.0, *_FRACTIONS), lambda values: True, lambda rng, shape: rng.normal(size=shape)
)
SMALL = OperandDomain(
    (1.0, 2.0, -1.0, 0.0, -2.0, *_FRACTIONS),
    _within(-2.5, 2.5),
    lambda rng, shape: rng.uniform(-1.5, 1.5, size=shape),
)
APART_FROM_ZERO = OperandDomain(
    (*_WHOLE, *_FRACTIONS),
    lambda values: bool((np.abs(values) >= 0.25).all()),
    lambda rng, shape: rng.uniform(0.4, 2.0, size=shape) * rng.choice([-1.0, 1.0], size=shape),
)
POSITIVE = OperandDomain(
    (1.0, 2.0, 3.0, 4.0, 0.5, 1.5, 0.25, 0.75),
    _within(0.2, np.inf),
    lambda rng, shape: rng.uniform(0.3, 3.0, size=shape),
)
PROBABILITY = OperandDomain(
    (0.5, 0.25, 0.75), _within(0.05, 0.95), lambda rng, shape: rng.uniform(0.1, 0.9, size=shape)
)
LABEL = OperandDomain(
    (1.0, 0.0), _within(0, 1), lambda rng, shape: rng.integers(2, size=shape).astype(np.float64)
)
WEIGHT = OperandDomain(  # class weights in soft targets
    (1.0, 0.0, 0.5), _within(0, 1), lambda rng, shape: np.round(rng.uniform(0.1, 0.9, size=shape), 1)
)


_LEAST_SPREAD = 0.25  # a standard deviation has no derivative at 0, and differences need room around it


def _is_spread(values: Array) -> Array:
    return np.asarray(np.ptp(values, axis=-1, keepdims=True) >= _LEAST_SPREAD)


def _drawn_spread(rng: np.random.Generator, shape: Shape) -> Array:
    values = rng.normal(size=shape)
    return np.where(_is_spread(values), values, values + np.linspace(-1.0, 1.0, shape[-1]))


SPREAD = OperandDomain(  # along the last axis, of at least two entries
    (*_WHOLE, *_FRACTIONS), lambda values: bool(_is_spread(values).all()), _drawn_spread
)


Options = Mapping[str, Any]


def no_options(shape: Shape) -> Options:
    """Return no options."""
    return {}


def _is_any_shape(shape: Shape) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class OperationForm:
    """One form of an operation.

    domains: domain of each operand, left to right.
    options: function of the shape of the first operand that returns the options.
    first: predicate on the shape of the first operand.
    data: function of the shape of the first operand that returns possible shapes and domains, simplest
        first, of an operand that is not differentiated, such as targets.
    place: of that operand; None for the last one.
    shapes: function of the shape of the first operand that returns the shapes of all others; None for any
        shapes that fit.
    numbers: True if the second operand may be a plain number.
    """

    domains: Sequence[OperandDomain]
    options: Callable[[Shape], Options] = field(default=no_options)
    first: Callable[[Shape], bool] = field(default=_is_any_shape)
    data: Callable[[Shape], Sequence[tuple[Shape, OperandDomain]]] | None = None
    numbers: bool = False
    place: int | None = None
    shapes: Callable[[Shape], Sequence[Shape]] | None = None


def fixed_options(**options: Any) -> Callable[[Shape], Options]:
    """Return options that do not depend on a shape."""
    return lambda shape: options


def unary(domain: OperandDomain, *options: Callable[[Shape], Options]) -> tuple[OperationForm, ...]:
    """Return a form of one operand for each of the options, or without options."""
    return tuple(OperationForm((domain,), form_options) for form_options in options or (no_options,))


def is_matrix(shape: Shape) -> bool:
    """True for two axes."""
    return len(shape) == 2


def has_an_axis(shape: Shape) -> bool:
    """True for anything but one number."""
    return len(shape) > 0
