"""The numbers an operation is tried on: every shape, apart from kinks, then repeated, tied, and at kinks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from reference_impl.array import Array
from verifier.graphs.shapes import Shape
from verifier.operation_check.domains import DOMAINS
from verifier.operation_check.inputs import Shapes

_DRAWS = 2  # of numbers apart from kinks, for each shape


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """upstream: (shape of the value) -> the gradient of the output. plain: every such operation takes it."""

    arguments: tuple[Array, ...]
    upstream: Callable[[Shape], Array]
    plain: bool = True

    @property
    def shapes(self) -> Shapes:
        return tuple(tuple(own.shape) for own in self.arguments)

    @property
    def empty(self) -> bool:
        return any(own.size == 0 for own in self.arguments)


def cases_of(shapes: Sequence[Shapes], domains: Sequence[str], plain: int) -> Iterator[Case]:
    """Draw numbers for each of some shapes, the first `plain` of which are plain ones; seeded."""
    tied = False
    for place, own in enumerate(shapes):
        kinds = ["draw"] * _DRAWS + ["repeated"]
        for seed, kind in enumerate(kinds[:1] if 0 in map(prod, own) else kinds):
            yield drawn(own, domains, seed, kind == "repeated", place < plain)
        if (
            not tied
            and all(0 not in shape for shape in own)
            and any(max(shape, default=0) > 1 for shape in own)
        ):
            tied = True
            yield _with_ties(drawn(own, domains, len(kinds), True, place < plain))


def _with_ties(case: Case) -> Case:
    """Return the case with the largest number along the first and the last axis standing there twice."""
    arguments = tuple(own.copy() for own in case.arguments)
    for own in arguments:
        for axis in {0, own.ndim - 1} if own.ndim and own.dtype.kind == "f" else ():
            along = np.moveaxis(own, axis, 0)
            if len(along) > 1:
                along[-1] = along[:-1].max(axis=0)
    return Case(arguments, case.upstream, case.plain)


def drawn(shapes: Shapes, domains: Sequence[str], seed: int, repeated: bool, plain: bool) -> Case:
    rng = np.random.default_rng(seed)
    rows = [DOMAINS[domain_of(domains, place)] for place in range(len(shapes))]
    arguments = tuple(
        (row.repeated if repeated else row.draw)(rng, shape, shapes)
        for row, shape in zip(rows, shapes, strict=True)
    )
    return Case(arguments, upstream_drawn(seed), plain)


def domain_of(domains: Sequence[str], place: int) -> str:
    return domains[min(place, len(domains) - 1)]


def upstream_drawn(seed: int) -> Callable[[Shape], Array]:
    def draw(shape: Shape) -> Array:
        rng = np.random.default_rng([seed, 1])
        return DOMAINS["any"].draw(rng, shape, [shape])

    return draw
