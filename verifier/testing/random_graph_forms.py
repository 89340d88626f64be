"""Forms in which each operation is drawn: its options and the domains of its operands."""

from collections.abc import Mapping, Sequence
from math import prod
from types import MappingProxyType

from reference_impl.activations import ACTIVATIONS
from verifier.problem.graph import Shape
from verifier.testing.composition_forms import COMPOSITION_FORMS
from verifier.testing.operand_domains import (
    ANY,
    APART_FROM_ZERO,
    LABEL,
    POSITIVE,
    PROBABILITY,
    SMALL,
    WEIGHT,
    OperandDomain,
    OperationForm,
    Options,
    fixed_options,
    has_an_axis,
    is_matrix,
    no_options,
    unary,
    whole,
)


def _arithmetic(second: OperandDomain) -> tuple[OperationForm, ...]:
    return (OperationForm((ANY, second)), OperationForm((ANY, second), numbers=True))


def _is_rows(shape: Shape) -> bool:
    return len(shape) in (1, 2)


def _reductions() -> tuple[OperationForm, ...]:
    return unary(
        ANY,
        no_options,
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


def _entries(shape: Shape) -> Sequence[tuple[Shape, OperandDomain]]:
    return [(shape_of_indices, whole(prod(shape))) for shape_of_indices in ((), (1,), (2,), (3,), (2, 2))]


def _conditions(shape: Shape) -> Sequence[tuple[Shape, OperandDomain]]:
    return [(shape, LABEL), (shape[-1:], LABEL), ((), LABEL)]


def _first_axis_last(shape: Shape) -> Options:
    """Return the options that move the first axis to the end."""
    return {"axes": [*range(1, len(shape)), *([0] if shape else [])]}


_ACTIVATED = {name: unary(ANY) for name in ACTIVATIONS if name not in COMPOSITION_FORMS}

_BASIC: Mapping[str, tuple[OperationForm, ...]] = {
    "add": _arithmetic(ANY),
    "subtract": _arithmetic(ANY),
    "multiply": _arithmetic(ANY),
    "divide": _arithmetic(APART_FROM_ZERO),
    "negate": unary(ANY),
    "matmul": (OperationForm((ANY, ANY), first=has_an_axis),),
    "transpose": unary(ANY, no_options, _first_axis_last),
    "reshape": (
        *unary(ANY, fixed_options(shape=[-1]), fixed_options(shape=[1, -1])),
        *unary(ANY, lambda shape: {"shape": [*shape, 1]}),
    ),
    "concatenate": (
        OperationForm((ANY, ANY), first=has_an_axis),
        OperationForm((ANY, ANY), fixed_options(axis=-1), first=has_an_axis),
        OperationForm((ANY, ANY, ANY), fixed_options(axis=-1), first=has_an_axis),
        OperationForm((ANY,), first=has_an_axis),
    ),
    "slice": tuple(
        OperationForm((ANY,), fixed_options(index=index), first=has_an_axis)
        for index in ([0], [[0, 1]], [-1], [[1, None]], [None, 0], [None, [None, None, 2]])
    ),
    "sum": _reductions(),
    "mean": _reductions(),
    "max": _reductions(),
    "exp": unary(SMALL),
    "log": unary(POSITIVE),
    "sqrt": unary(POSITIVE),
    "absolute": unary(ANY),
    "power": (
        *unary(SMALL, fixed_options(exponent=2), fixed_options(exponent=3)),
        *unary(APART_FROM_ZERO, fixed_options(exponent=-1)),
        *unary(POSITIVE, fixed_options(exponent=0.5)),
    ),
    **_ACTIVATED,
    "leaky_relu": unary(ANY, no_options, fixed_options(slope=0.3)),
    "elu": unary(ANY, no_options, fixed_options(alpha=0.5)),
    "softmax": (OperationForm((ANY,), first=has_an_axis),),
    "log_softmax": (OperationForm((ANY,), first=has_an_axis),),
    "embedding": (OperationForm((ANY,), first=is_matrix, data=_indices),),
    "mse": (
        OperationForm((ANY, ANY), first=_is_rows),
        OperationForm((ANY, ANY), fixed_options(factor=1, batch="sum", outputs="mean"), first=_is_rows),
    ),
    "cross_entropy": (
        OperationForm((ANY,), first=is_matrix, data=_classes),
        OperationForm((ANY,), fixed_options(batch="sum"), first=is_matrix, data=_soft_targets),
        OperationForm((PROBABILITY,), fixed_options(on="probabilities"), first=is_matrix, data=_classes),
    ),
    "binary_cross_entropy": (
        OperationForm((ANY,), first=_is_rows, data=_labels),
        OperationForm((ANY,), fixed_options(outputs="mean"), first=_is_rows, data=_labels),
        OperationForm((PROBABILITY,), fixed_options(on="probabilities"), first=_is_rows, data=_labels),
    ),
}
_FURTHER: Mapping[str, tuple[OperationForm, ...]] = {
    "expm1": unary(SMALL),
    "log1p": unary(POSITIVE),
    "sin": unary(ANY),
    "cos": unary(ANY),
    "arctan": unary(ANY),
    "erf": unary(ANY),
    "sign": unary(APART_FROM_ZERO),
    "clip": unary(ANY, fixed_options(min=-0.6, max=0.7), fixed_options(min=0.1), fixed_options(max=0.2)),
    "take": (OperationForm((ANY,), first=has_an_axis, data=_entries),),
    "where": (OperationForm((ANY, ANY), data=_conditions, place=0),),
}
BASIC_OPERATIONS = tuple(_BASIC)
"""The operations that graphs are drawn of unless others are asked for."""

FORMS: Mapping[str, tuple[OperationForm, ...]] = MappingProxyType({**_BASIC, **_FURTHER, **COMPOSITION_FORMS})
"""By the name of the operation."""
