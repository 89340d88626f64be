"""Input shapes and domains of arguments for checking each operation, one row per operation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.activations import ACTIVATIONS
from reference_impl.array import Array
from verifier.problem.graph import Shape
from verifier.testing.operation_check.further_inputs import FURTHER_INPUTS, Shapes

Draw = Callable[[np.random.Generator, Shape, Sequence[Shape]], Array]


@dataclass(frozen=True, slots=True)
class InputDomain:
    """Set of numbers for an argument.

    draw: function of (rng, shape, shapes of all arguments) that returns distinct numbers away from kinks.
    repeated: like draw, but returns a few whole numbers, which repeat and lie at kinks.
    simple: numbers for shrinking, simplest first; None to use `repeated` instead.
    """

    name: str
    draw: Draw
    repeated: Draw
    simple: tuple[float, ...] | None


def _between(least: float, most: float, signed: bool) -> Draw:
    def draw(rng: np.random.Generator, shape: Shape, shapes: Sequence[Shape]) -> Array:
        values = rng.uniform(least, most, size=shape)  # no short decimals, so that rounding errors occur
        return np.asarray(values * rng.choice([-1.0, 1.0], size=shape) if signed else values)

    return draw


def _among(*numbers: float) -> Draw:
    return lambda rng, shape, shapes: np.asarray(rng.choice(numbers, size=shape), dtype=np.float64)


def _index(count: Callable[[Shape], int]) -> Draw:
    """Return a function that draws integers below a size of the first argument."""
    return lambda rng, shape, shapes: np.asarray(rng.integers(max(1, count(shapes[0])), size=shape))


_draw_rows = _index(lambda table: table[0])
_draw_classes = _index(lambda outputs: outputs[-1])


def _draw_targets(rng: np.random.Generator, shape: Shape, shapes: Sequence[Shape]) -> Array:
    """Return class indices, or rows that sum to 1 if the targets have the shape of the outputs."""
    if shape != shapes[0]:
        return _draw_classes(rng, shape, shapes)
    targets = np.full(shape, 0.25 / max(1, shape[-1]))
    classes = rng.integers(shape[-1], size=shape[:-1])
    np.put_along_axis(targets, classes[..., np.newaxis], 0.75 + targets.flat[0], axis=-1)
    return targets


DOMAINS: Mapping[str, InputDomain] = MappingProxyType(
    {
        row.name: row
        for row in (
            InputDomain(
                "any",
                _between(0.1, 2.0, signed=True),
                _among(0.0, 1.0, -1.0, 2.0),
                (1.0, 2.0, 0.0, -1.0, -2.0, 3.0, -3.0, 0.5, -0.5),
            ),
            InputDomain(
                "nonzero",
                _between(0.4, 2.0, signed=True),
                _among(1.0, -1.0, 2.0),
                (1.0, 2.0, -1.0, -2.0, 3.0, -3.0, 0.5, -0.5),
            ),
            InputDomain(
                "positive", _between(0.3, 3.0, signed=False), _among(1.0, 2.0), (1.0, 2.0, 3.0, 0.5, 0.25)
            ),
            InputDomain(
                "probabilities",
                _between(0.1, 0.9, signed=False),
                _among(0.5, 0.25),
                (0.5, 0.25, 0.75),
            ),
            InputDomain("rows", _draw_rows, _draw_rows, None),
            InputDomain("classes", _draw_targets, _draw_targets, None),
            InputDomain("labels", _among(0.0, 1.0), _among(0.0, 1.0), (1.0, 0.0)),
            InputDomain("zeros and ones", _among(0.0, 1.0, 0.5), _among(0.0, 1.0), (1.0, 0.0)),
        )
    }
)


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
        **{name: _row(_ROWS if name in ("softmax", "log_softmax") else _ONE) for name in ACTIVATIONS},
        "log_softmax": _row(_ROWS),
        "embedding": _row(_TABLES, "any", "rows", plain=2),
        "mse": _row(_LOSS_SHAPES),
        "cross_entropy": Inputs(lambda options: _CLASSES, _probability_domains("classes")),
        "binary_cross_entropy": Inputs(lambda options: _LOSS_SHAPES, _probability_domains("zeros and ones")),
        **{name: _row(shapes, *domains) for name, (shapes, domains) in FURTHER_INPUTS.items()},
    }
)


def default_inputs(count: int) -> Inputs:
    """Return the inputs for an unknown operation with this number of arguments."""
    if count == 1:
        return _row([*_ONE, ((2, 2, 3),)])
    if count == 2:
        return _row([*_PAIRS[:-1], *_PRODUCTS[:-1], _PAIRS[-1]])
    same: list[Shapes] = [(shape,) * count for shape in ((2, 3), (3,), ())]
    return _row([*same, ((2, 3), *((3,),) * (count - 1)), ((2, 3), (3, 4), *((4,),) * (count - 2))])


def reduced_shapes(shapes: Sequence[Shapes], most: int = 3) -> list[Shapes]:
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


_DRAWS = 2  # draws of numbers away from kinks, per shape


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Arguments of one use.

    upstream: function of the value's shape that returns the gradient of the output.
    plain: True if every implementation must accept arguments of these shapes.
    """

    arguments: tuple[Array, ...]
    upstream: Callable[[Shape], Array]
    plain: bool = True

    @property
    def shapes(self) -> Shapes:
        return tuple(tuple(array.shape) for array in self.arguments)

    @property
    def empty(self) -> bool:
        return any(array.size == 0 for array in self.arguments)


def cases_of(shapes: Sequence[Shapes], domains: Sequence[str], plain: int) -> Iterator[Case]:
    """Yield cases with seeded random numbers for all shapes, the first `plain` of which are plain."""
    has_ties = False
    for index, argument_shapes in enumerate(shapes):
        kinds = ["draw"] * _DRAWS + ["repeated"]
        for seed, kind in enumerate(kinds[:1] if 0 in map(prod, argument_shapes) else kinds):
            yield draw_case(argument_shapes, domains, seed, kind == "repeated", index < plain)
        if (
            not has_ties
            and all(0 not in shape for shape in argument_shapes)
            and any(max(shape, default=0) > 1 for shape in argument_shapes)
        ):
            has_ties = True
            yield _with_ties(draw_case(argument_shapes, domains, len(kinds), True, index < plain))


def _with_ties(case: Case) -> Case:
    """Return the case with the largest number along the first and the last axis repeated."""
    arguments = tuple(array.copy() for array in case.arguments)
    for array in arguments:
        for axis in {0, array.ndim - 1} if array.ndim and array.dtype.kind == "f" else ():
            slices = np.moveaxis(array, axis, 0)
            if len(slices) > 1:
                slices[-1] = slices[:-1].max(axis=0)
    return Case(arguments, case.upstream, case.plain)


def draw_case(shapes: Shapes, domains: Sequence[str], seed: int, repeated: bool, plain: bool) -> Case:
    """Return a case with random numbers. repeated: draw few whole numbers, which lie at kinks."""
    rng = np.random.default_rng(seed)
    rows = [DOMAINS[domain_of(domains, place)] for place in range(len(shapes))]
    arguments = tuple(
        (row.repeated if repeated else row.draw)(rng, shape, shapes)
        for row, shape in zip(rows, shapes, strict=True)
    )
    return Case(arguments, upstream_drawn(seed), plain)


def domain_of(domains: Sequence[str], place: int) -> str:
    """Return the domain of an argument; the last domain holds for all further arguments."""
    return domains[min(place, len(domains) - 1)]


def upstream_drawn(seed: int) -> Callable[[Shape], Array]:
    """Return a function that draws an upstream gradient of a given shape."""

    def draw(shape: Shape) -> Array:
        rng = np.random.default_rng([seed, 1])
        return DOMAINS["any"].draw(rng, shape, [shape])

    return draw
