"""The smallest input on which an operation is wrong in some way: the smallest shapes, then numbers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from random import Random

import numpy as np
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from reference_impl.array import Array
from verifier.graphs.shapes import MisfitError, Shape
from verifier.operation_check.cases import Case, domain_of, drawn
from verifier.operation_check.conduct import OF_TWO_USES, kept_state
from verifier.operation_check.domains import DOMAINS
from verifier.operation_check.function_answers import GivenRaised
from verifier.operation_check.inputs import Shapes, smaller
from verifier.operation_check.judging import judge
from verifier.operation_check.references import Reference
from verifier.operation_check.written import WrittenOperation

_DRAWS = 12  # of numbers for each shape
_SEEDS = 8  # of numbers that are drawn as a whole, indices and targets
_QUIET = tuple(HealthCheck)


def smallest_failure(
    wrong: Callable[[Case], bool],
    shapes: Sequence[Shapes],
    domains: Sequence[str],
    value_shape: Callable[[Case], Shape],
) -> Case | None:
    """Give the smallest case found for which `wrong` says so.

    value_shape: of a case; raises MisfitError where the operation does not take it.
    """
    for own in smaller(shapes):
        try:
            shape = value_shape(drawn(own, domains, 0, False, True))
        except MisfitError:
            continue
        case = _found(_cases(own, domains, shape), wrong)
        if case is not None:
            return case
    return None


def other_numbers(case: Case) -> Case:
    """Give a case of the same shapes whose floating-point numbers are larger by 1."""
    moved = [own + 1.0 if own.dtype.kind == "f" else own for own in case.arguments]
    return replace(case, arguments=tuple(moved))


@st.composite
def _cases(draw: st.DrawFn, shapes: Shapes, domains: Sequence[str], value_shape: Shape) -> Case:
    arguments = tuple(
        _numbers(draw, shape, shapes, domain_of(domains, place)) for place, shape in enumerate(shapes)
    )
    upstream = _numbers(draw, value_shape, (value_shape,), "any")
    return Case(arguments, lambda shape: upstream.copy())


def _numbers(draw: st.DrawFn, shape: Shape, shapes: Shapes, domain: str) -> Array:
    row = DOMAINS[domain]
    if row.simple is None:
        seed = draw(st.integers(0, _SEEDS - 1))
        return row.repeated(np.random.default_rng(seed), shape, shapes)
    size = prod(shape)
    numbers = draw(st.lists(st.sampled_from(row.simple), min_size=size, max_size=size))
    return np.asarray(numbers, dtype=np.float64).reshape(shape)


def _found(cases: st.SearchStrategy[Case], wrong: Callable[[Case], bool]) -> Case | None:
    chosen = settings(
        max_examples=_DRAWS,
        phases=(Phase.generate, Phase.shrink),
        database=None,
        deadline=None,
        suppress_health_check=_QUIET,
    )
    try:
        return find(cases, wrong, settings=chosen, random=Random(0))
    except NoSuchExample:
        return None


def seen_again(
    operation: WrittenOperation, reference: Reference, kind: str, place: str
) -> Callable[[Case], bool]:
    """Make the question whether on a case the same is wrong at the same place."""

    def wrong(case: Case) -> bool:
        if kind in OF_TWO_USES:
            return any(own.kind == kind for own in kept_state(operation, case, other_numbers(case)))
        try:
            judged = judge(operation, reference, case, quick=True)
        except (GivenRaised, MisfitError):
            return False
        if judged.tried.refused is not None and judged.tried.refused.refuses and not case.plain:
            return False
        return any((own.kind, own.place) == (kind, place) for own in judged.findings)

    return wrong
