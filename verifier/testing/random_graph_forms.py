"""Forms in which each operation is drawn: its options and the domains of its operands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.activations import ACTIVATIONS
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


Options = Mapping[str, Any]


def _no_options(shape: Shape) -> Options:
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
        first, of a second operand that is not differentiated, such as targets.
    numbers: True if the second operand may be a plain number.
    """

    domains: Sequence[OperandDomain]
    options: Callable[[Shape], Options] = field(default=_no_options)
    first: Callable[[Shape], bool] = field(default=_is_any_shape)
    data: Callable[[Shape], Sequence[tuple[Shape, OperandDomain]]] | None = None
    numbers: bool = False


def _fixed_options(**options: Any) -> Callable[[Shape], Options]:
    return lambda shape: options


def _unary(domain: OperandDomain, *options: Callable[[Shape], Options]) -> tuple[OperationForm, ...]:
    return tuple(OperationForm((domain,), form_options) for form_options in options or (_no_options,))


def _arithmetic(second: OperandDomain) -> tuple[OperationForm, ...]:
    return (OperationForm((ANY, second)), OperationForm((ANY, second), numbers=True))


def _is_rows(shape: Shape) -> bool:
    return len(shape) in (1, 2)


def _is_matrix(shape: Shape) -> bool:
    return len(shape) == 2


def _has_an_axis(shape: Shape) -> bool:
    return len(shape) > 0


def _reductions() -> tuple[OperationForm, ...]:
    return _unary(
        ANY,
        _no_options,
        lambda shape: {"axis": -1, "keepdims": True} if shape else {},
        lambda shape: {"axis": 0} if shape else {},
        lambda shape: {"axis": [0, len(shape) - 1]} if len(shape) > 1 else {},
    )


def _classes(shape: Shape) -> Sequence[tuple[Shape, OperandDomain]]:
    return [(shape[:1], whole(shape[1]))]


def _soft_targets(shape: Shape) -> Sequence[tuple[Shape, OperandDomain]]:
    return [(shape, WEIGHT)]


def _labels(shape: Shape) -> Sequence[tuple[Shape, OperandDomain]]:
    return [(shape, LABEL)]


def _indices(shape: Shape) -> Sequence[tuple[Shape, OperandDomain]]:
    return [(shape_of_indices, whole(shape[0])) for shape_of_indices in ((), (1,), (2,), (3,), (2, 2))]


def _first_axis_last(shape: Shape) -> Options:
    """Return the options that move the first axis to the end."""
    return {"axes": [*range(1, len(shape)), *([0] if shape else [])]}


_ACTIVATED = {name: _unary(ANY) for name in ACTIVATIONS}

FORMS: Mapping[str, tuple[OperationForm, ...]] = MappingProxyType(
    {
        "add": _arithmetic(ANY),
        "subtract": _arithmetic(ANY),
        "multiply": _arithmetic(ANY),
        "divide": _arithmetic(APART_FROM_ZERO),
        "negate": _unary(ANY),
        "matmul": (OperationForm((ANY, ANY), first=_has_an_axis),),
        "transpose": _unary(ANY, _no_options, _first_axis_last),
        "reshape": (
            *_unary(ANY, _fixed_options(shape=[-1]), _fixed_options(shape=[1, -1])),
            *_unary(ANY, lambda shape: {"shape": [*shape, 1]}),
        ),
        "concatenate": (
            OperationForm((ANY, ANY), first=_has_an_axis),
            OperationForm((ANY, ANY), _fixed_options(axis=-1), first=_has_an_axis),
            OperationForm((ANY, ANY, ANY), _fixed_options(axis=-1), first=_has_an_axis),
            OperationForm((ANY,), first=_has_an_axis),
        ),
        "slice": tuple(
            OperationForm((ANY,), _fixed_options(index=index), first=_has_an_axis)
            for index in ([0], [[0, 1]], [-1], [[1, None]], [None, 0], [None, [None, None, 2]])
        ),
        "sum": _reductions(),
        "mean": _reductions(),
        "max": _reductions(),
        "exp": _unary(SMALL),
        "log": _unary(POSITIVE),
        "sqrt": _unary(POSITIVE),
        "absolute": _unary(ANY),
        "power": (
            *_unary(SMALL, _fixed_options(exponent=2), _fixed_options(exponent=3)),
            *_unary(APART_FROM_ZERO, _fixed_options(exponent=-1)),
            *_unary(POSITIVE, _fixed_options(exponent=0.5)),
        ),
        **_ACTIVATED,
        "leaky_relu": _unary(ANY, _no_options, _fixed_options(slope=0.3)),
        "elu": _unary(ANY, _no_options, _fixed_options(alpha=0.5)),
        "softmax": (OperationForm((ANY,), first=_has_an_axis),),
        "log_softmax": (OperationForm((ANY,), first=_has_an_axis),),
        "embedding": (OperationForm((ANY,), first=_is_matrix, data=_indices),),
        "mse": (
            OperationForm((ANY, ANY), first=_is_rows),
            OperationForm((ANY, ANY), _fixed_options(factor=1, batch="sum", outputs="mean"), first=_is_rows),
        ),
        "cross_entropy": (
            OperationForm((ANY,), first=_is_matrix, data=_classes),
            OperationForm((ANY,), _fixed_options(batch="sum"), first=_is_matrix, data=_soft_targets),
            OperationForm(
                (PROBABILITY,), _fixed_options(on="probabilities"), first=_is_matrix, data=_classes
            ),
        ),
        "binary_cross_entropy": (
            OperationForm((ANY,), first=_is_rows, data=_labels),
            OperationForm((ANY,), _fixed_options(outputs="mean"), first=_is_rows, data=_labels),
            OperationForm((PROBABILITY,), _fixed_options(on="probabilities"), first=_is_rows, data=_labels),
        ),
    }
)
