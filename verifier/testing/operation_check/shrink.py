"""Find the smallest input that shows a finding: first the smallest shapes, then the smallest numbers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from random import Random

import numpy as np
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from reference_impl.array import Array
from verifier.problem.graph import MisfitError, Shape
from verifier.testing.operation_check.answers import ReferenceRaised
from verifier.testing.operation_check.compare import judge_use
from verifier.testing.operation_check.further_inputs import Shapes
from verifier.testing.operation_check.inputs import DOMAINS, Case, domain_of, draw_case, reduced_shapes
from verifier.testing.operation_check.operation import TWO_USE_FINDINGS, find_kept_state
from verifier.testing.operation_check.references import Reference
from verifier.testing.operation_check.written import UserOperation

_DRAWS = 12  # draws of numbers per shape
_SEEDS = 8  # seeds for indices and targets, which are drawn as whole arrays
_NO_HEALTH_CHECKS = tuple(HealthCheck)


def smallest_failure(
    wrong: Callable[[Case], bool],
    shapes: Sequence[Shapes],
    domains: Sequence[str],
    value_shape: Callable[[Case], Shape],
) -> Case | None:
    """Return the smallest case for which the predicate `wrong` holds; None if none is found.

    value_shape: function of a case that returns the shape of the value. It raises MisfitError if the
    operation does not accept the case.
    """
    for argument_shapes in reduced_shapes(shapes):
        try:
            shape = value_shape(draw_case(argument_shapes, domains, 0, False, True))
        except MisfitError:
            continue
        case = _find(_cases(argument_shapes, domains, shape), wrong)
        if case is not None:
            return case
    return None


def shifted_case(case: Case) -> Case:
    """Return a case of the same shapes whose floating-point numbers are larger by 1."""
    shifted = [array + 1.0 if array.dtype.kind == "f" else array for array in case.arguments]
    return replace(case, arguments=tuple(shifted))


@st.composite
def _cases(draw: st.DrawFn, shapes: Shapes, domains: Sequence[str], value_shape: Shape) -> Case:
    arguments = tuple(
        _numbers(draw, shape, shapes, domain_of(domains, place)) for place, shape in enumerate(shapes)
    )
    upstream = _numbers(draw, value_shape, (value_shape,), "any")
    return Case(arguments, lambda shape: upstream.copy())


def _numbers(draw: st.DrawFn, shape: Shape, shapes: Shapes, domain: str) -> Array:
    domain_row = DOMAINS[domain]
    if domain_row.simple is None:
        seed = draw(st.integers(0, _SEEDS - 1))
        return domain_row.repeated(np.random.default_rng(seed), shape, shapes)
    size = prod(shape)
    values = draw(st.lists(st.sampled_from(domain_row.simple), min_size=size, max_size=size))
    return np.asarray(values, dtype=np.float64).reshape(shape)


def _find(cases: st.SearchStrategy[Case], wrong: Callable[[Case], bool]) -> Case | None:
    search_settings = settings(
        max_examples=_DRAWS,
        phases=(Phase.generate, Phase.shrink),
        database=None,
        deadline=None,
        suppress_health_check=_NO_HEALTH_CHECKS,
    )
    try:
        return find(cases, wrong, settings=search_settings, random=Random(0))
    except NoSuchExample:
        return None


def reproduces(
    operation: UserOperation, reference: Reference, kind: str, place: str
) -> Callable[[Case], bool]:
    """Return a predicate that is true for a case with a finding of the same kind at the same place."""

    refused: set[Shapes] = set()  # by the reference in PyTorch, which quick judging does not call

    def is_taken(case: Case) -> bool:
        if reference.in_torch is None or kind in TWO_USE_FINDINGS:
            return True
        if case.shapes not in refused:
            try:
                judge_use(operation, reference, case)
            except ReferenceRaised:
                refused.add(case.shapes)
        return case.shapes not in refused

    def wrong(case: Case) -> bool:
        if kind in TWO_USE_FINDINGS:
            return any(
                finding.kind == kind for finding in find_kept_state(operation, case, shifted_case(case))
            )
        try:
            judged = judge_use(operation, reference, case, quick=True)
        except (ReferenceRaised, MisfitError):
            return False
        if judged.tried.refused is not None and judged.tried.refused.refuses and not case.plain:
            return False
        is_same = any((finding.kind, finding.place) == (kind, place) for finding in judged.findings)
        return is_same and is_taken(case)

    return wrong
