"""Input shapes and domains of arguments for checking each operation, one row per operation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from types import MappingProxyType
from typing import Any

from reference_impl.activations import ACTIVATIONS
from verifier.graphs.shapes import Shape

Shapes = tuple[Shape, ...]
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs for one operation.

    shapes: function of the options that returns the shapes of all arguments, for several inputs.
    domains: function of the options that returns the domain of each argument; the last one is repeated.
    plain: number of inputs, at the start of `shapes`, that every implementation must accept.
    """

    shapes: Callable[[Options], Sequence[Shapes]]
    domains: Callable[[Options], Sequence[str]]
    plain: int = 1


def _row(shapes: Sequence[Shapes], *domains: str, plain: int = 1) -> Inputs:
    return Inputs(lambda options: shapes, lambda options: domains or ("any",), plain)


_ONE: Sequence[Shapes] = [((2, 3),), ((3,),), ((),), ((1, 1),), ((3, 1),), ((2, 1, 3),), ((0, 3),)]
_ROWS: Sequence[Shapes] = [((2, 3),), ((3,),), ((1, 3),), ((3, 1),), ((2, 2, 3),), ((0, 3),)]
_PAIRS: Sequence[Shapes] = [
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 3), ()),
    ((3,), ()),
    ((), (3,)),
    ((2, 1), (1, 3)),
    ((2, 3), (2, 1)),
    ((1,), (3,)),
    ((), ()),
    ((2, 1, 3), (4, 1)),
    ((0, 3), (3,)),
]
_PRODUCTS: Sequence[Shapes] = [
    ((2, 3), (3, 4)),
    ((3, 3), (3, 3)),
    ((2, 1), (1, 2)),
    ((1, 3), (3, 1)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 2, 3), (2, 3, 2)),
    ((2, 2, 3), (3, 2)),
    ((2, 1, 2, 3), (3, 3, 2)),
    ((0, 3), (3, 2)),
]
_JOINED: Sequence[Shapes] = [
    ((2, 3), (2, 3)),
    ((2, 3), (1, 3)),
    ((2, 3), (2, 1)),
    ((3,), (2,)),
    ((2, 3),),
    ((2, 2), (1, 2), (3, 2)),
    ((2, 2), (2, 1), (2, 3)),
    ((0, 3), (2, 3)),
]
_SLICED: Sequence[Shapes] = [((4, 5),), ((5,),), ((4, 5, 2),), ((2, 3),), ((1, 1),), ((3,),)]
_TABLES: Sequence[Shapes] = [
    ((5, 3), (4,)),
    ((2, 3), (4,)),  # with repeated rows
    ((5, 2), (2, 2)),
    ((3, 1), (2,)),
    ((3, 2), ()),
    ((3, 2), (0,)),
]
_LOSS_SHAPES: Sequence[Shapes] = [((3, 2), (3, 2)), ((1, 1), (1, 1)), ((1, 3), (1, 3)), ((3,), (3,))]
_CLASSES: Sequence[Shapes] = [((3, 4), (3,)), ((1, 2), (1,)), ((3, 1), (3,)), ((2, 3), (2, 3))]


def _power_domains(options: Options) -> Sequence[str]:
    exponent = float(options.get("exponent", 2))
    if exponent != int(exponent):
        return ("positive",)
    return ("any",) if exponent >= 0 else ("nonzero",)


def _probability_domains(*targets: str) -> Callable[[Options], Sequence[str]]:
    return lambda options: ("probabilities" if options.get("on") == "probabilities" else "any", *targets)


def _reshape_shapes(options: Options) -> Sequence[Shapes]:
    """Return shapes with as many entries as the new shape."""
    new = [size for size in options.get("shape", ()) if isinstance(size, int)]
    size = prod(new) if -1 not in new else 2 * abs(prod(new))
    shapes: list[Shapes] = [((size,),), ((1, size),), ((size, 1),)]
    shapes += [((rows, size // rows),) for rows in range(2, size) if size % rows == 0]
    return [*shapes[3:], *shapes[:3], ((),)]


_any_domain = _row(_ONE).domains
INPUTS: Mapping[str, Inputs] = MappingProxyType(
    {
        **{name: _row(_PAIRS) for name in ("add", "subtract", "multiply")},
        "divide": _row(_PAIRS, "any", "nonzero"),
        **{name: _row(_ONE) for name in ("negate", "exp", "absolute", "transpose", "sum", "mean", "max")},
        **{name: _row(_ONE, "positive") for name in ("log", "sqrt")},
        "power": Inputs(lambda options: _ONE, _power_domains),
        "matmul": _row(_PRODUCTS, plain=2),
        "reshape": Inputs(_reshape_shapes, _any_domain),
        "concatenate": _row(_JOINED),
        "slice": _row(_SLICED),
        **{name: _row(_ONE if name != "softmax" else _ROWS) for name in ACTIVATIONS},
        "log_softmax": _row(_ROWS),
        "embedding": _row(_TABLES, "any", "rows", plain=2),
        "mse": _row(_LOSS_SHAPES),
        "cross_entropy": Inputs(lambda options: _CLASSES, _probability_domains("classes")),
        "binary_cross_entropy": Inputs(lambda options: _LOSS_SHAPES, _probability_domains("zeros and ones")),
    }
)


def unnamed_inputs(count: int) -> Inputs:
    """Return the inputs for an unknown operation with this number of arguments."""
    if count == 1:
        return _row([*_ONE, ((2, 2, 3),)])
    if count == 2:
        return _row([*_PAIRS[:-1], *_PRODUCTS[:-1], _PAIRS[-1]])
    same: list[Shapes] = [(shape,) * count for shape in ((2, 3), (3,), ())]
    return _row([*same, ((2, 3), *((3,),) * (count - 1)), ((2, 3), (3, 4), *((4,),) * (count - 2))])


def smaller(shapes: Sequence[Shapes], most: int = 3) -> list[Shapes]:
    """Return these shapes and all smaller ones, smallest first.

    Equal sizes stay equal when they are reduced, and their order is kept. most: bound on a reduced size.
    """
    candidates: dict[Shapes, None] = {}
    for argument_shapes in shapes:
        sizes = sorted({size for shape in argument_shapes for size in shape} - {0})
        choices: list[dict[int, int]] = [{0: 0}]
        for size in sizes:
            targets = sorted({*range(1, min(size, most) + 1), size})
            choices = [{**choice, size: to} for choice in choices for to in targets]
        for choice in choices:
            ordered = [choice[size] for size in sizes]
            if all(one <= other for one, other in pairwise(ordered)):
                reduced = tuple(tuple(choice[size] for size in shape) for shape in argument_shapes)
                candidates[reduced] = None
    return sorted(candidates, key=_size)


def _size(shapes: Shapes) -> tuple[int, int, Shapes]:
    return sum(map(prod, shapes)), sum(map(len, shapes)), shapes
