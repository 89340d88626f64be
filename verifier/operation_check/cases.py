"""Draw the arguments of an operation: away from kinks, then with repeated numbers at kinks and with ties."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.graphs.shapes import Shape
from verifier.operation_check.domains import DOMAINS
from verifier.operation_check.inputs import Shapes

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
            yield drawn(argument_shapes, domains, seed, kind == "repeated", index < plain)
        if (
            not has_ties
            and all(0 not in shape for shape in argument_shapes)
            and any(max(shape, default=0) > 1 for shape in argument_shapes)
        ):
            has_ties = True
            yield _with_ties(drawn(argument_shapes, domains, len(kinds), True, index < plain))


def _with_ties(case: Case) -> Case:
    """Return the case with the largest number along the first and the last axis repeated."""
    arguments = tuple(array.copy() for array in case.arguments)
    for array in arguments:
        for axis in {0, array.ndim - 1} if array.ndim and array.dtype.kind == "f" else ():
            slices = np.moveaxis(array, axis, 0)
            if len(slices) > 1:
                slices[-1] = slices[:-1].max(axis=0)
    return Case(arguments, case.upstream, case.plain)


def drawn(shapes: Shapes, domains: Sequence[str], seed: int, repeated: bool, plain: bool) -> Case:
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
