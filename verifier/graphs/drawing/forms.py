"""In which forms each operation is drawn: options, and what its operands may be. A row an operation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from reference_impl.activations import ACTIVATIONS
from verifier.graphs.drawing.domain import (
    ANY,
    APART_FROM_ZERO,
    LABEL,
    POSITIVE,
    PROBABILITY,
    SMALL,
    WEIGHT,
    Domain,
    whole,
)
from verifier.graphs.shapes import Shape

Options = Mapping[str, Any]


def _nothing(shape: Shape) -> Options:
    return {}


def _of_any_shape(shape: Shape) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Form:
    """domains: of each operand, left to right.

    options: by the shape of the first operand. first: whether that may have a shape.
    data: (shape of the first operand, simplest first) -> shape and numbers of what is read and not
        differentiated; it stands second. numbers: whether a plain number may stand second.
    """

    domains: Sequence[Domain]
    options: Callable[[Shape], Options] = field(default=_nothing)
    first: Callable[[Shape], bool] = field(default=_of_any_shape)
    data: Callable[[Shape], Sequence[tuple[Shape, Domain]]] | None = None
    numbers: bool = False


def _fixed(**options: Any) -> Callable[[Shape], Options]:
    return lambda shape: options


def _unary(domain: Domain, *options: Callable[[Shape], Options]) -> tuple[Form, ...]:
    return tuple(Form((domain,), own) for own in options or (_nothing,))


def _arithmetic(second: Domain) -> tuple[Form, ...]:
    return (Form((ANY, second)), Form((ANY, second), numbers=True))


def _is_rows(shape: Shape) -> bool:
    return len(shape) in (1, 2)


def _is_matrix(shape: Shape) -> bool:
    return len(shape) == 2


def _has_an_axis(shape: Shape) -> bool:
    return len(shape) > 0


def _reduced() -> tuple[Form, ...]:
    return _unary(
        ANY,
        _nothing,
        lambda shape: {"axis": -1, "keepdims": True} if shape else {},
        lambda shape: {"axis": 0} if shape else {},
        lambda shape: {"axis": [0, len(shape) - 1]} if len(shape) > 1 else {},
    )


def _classes(shape: Shape) -> Sequence[tuple[Shape, Domain]]:
    return [(shape[:1], whole(shape[1]))]


def _soft(shape: Shape) -> Sequence[tuple[Shape, Domain]]:
    return [(shape, WEIGHT)]


def _labels(shape: Shape) -> Sequence[tuple[Shape, Domain]]:
    return [(shape, LABEL)]


def _words(shape: Shape) -> Sequence[tuple[Shape, Domain]]:
    return [(words, whole(shape[0])) for words in ((), (1,), (2,), (3,), (2, 2))]


def _turned(shape: Shape) -> Options:
    """Put the first axis last."""
    return {"axes": [*range(1, len(shape)), *([0] if shape else [])]}


_ACTIVATED = {name: _unary(ANY) for name in ACTIVATIONS}

FORMS: Mapping[str, tuple[Form, ...]] = MappingProxyType(
    {
        "add": _arithmetic(ANY),
        "subtract": _arithmetic(ANY),
        "multiply": _arithmetic(ANY),
        "divide": _arithmetic(APART_FROM_ZERO),
        "negate": _unary(ANY),
        "matmul": (Form((ANY, ANY), first=_has_an_axis),),
        "transpose": _unary(ANY, _nothing, _turned),
        "reshape": (
            *_unary(ANY, _fixed(shape=[-1]), _fixed(shape=[1, -1])),
            *_unary(ANY, lambda shape: {"shape": [*shape, 1]}),
        ),
        "concatenate": (
            Form((ANY, ANY), first=_has_an_axis),
            Form((ANY, ANY), _fixed(axis=-1), first=_has_an_axis),
            Form((ANY, ANY, ANY), _fixed(axis=-1), first=_has_an_axis),
            Form((ANY,), first=_has_an_axis),
        ),
        "slice": tuple(
            Form((ANY,), _fixed(index=index), first=_has_an_axis)
            for index in ([0], [[0, 1]], [-1], [[1, None]], [None, 0], [None, [None, None, 2]])
        ),
        "sum": _reduced(),
        "mean": _reduced(),
        "max": _reduced(),
        "exp": _unary(SMALL),
        "log": _unary(POSITIVE),
        "sqrt": _unary(POSITIVE),
        "absolute": _unary(ANY),
        "power": (
            *_unary(SMALL, _fixed(exponent=2), _fixed(exponent=3)),
            *_unary(APART_FROM_ZERO, _fixed(exponent=-1)),
            *_unary(POSITIVE, _fixed(exponent=0.5)),
        ),
        **_ACTIVATED,
        "leaky_relu": _unary(ANY, _nothing, _fixed(slope=0.3)),
        "elu": _unary(ANY, _nothing, _fixed(alpha=0.5)),
        "softmax": (Form((ANY,), first=_has_an_axis),),
        "log_softmax": (Form((ANY,), first=_has_an_axis),),
        "embedding": (Form((ANY,), first=_is_matrix, data=_words),),
        "mse": (
            Form((ANY, ANY), first=_is_rows),
            Form((ANY, ANY), _fixed(factor=1, batch="sum", outputs="mean"), first=_is_rows),
        ),
        "cross_entropy": (
            Form((ANY,), first=_is_matrix, data=_classes),
            Form((ANY,), _fixed(batch="sum"), first=_is_matrix, data=_soft),
            Form((PROBABILITY,), _fixed(on="probabilities"), first=_is_matrix, data=_classes),
        ),
        "binary_cross_entropy": (
            Form((ANY,), first=_is_rows, data=_labels),
            Form((ANY,), _fixed(outputs="mean"), first=_is_rows, data=_labels),
            Form((PROBABILITY,), _fixed(on="probabilities"), first=_is_rows, data=_labels),
        ),
    }
)
