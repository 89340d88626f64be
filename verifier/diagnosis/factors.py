"""Identify the bug behind a constant factor: N, C, 2, −1, or another constant."""

from dataclasses import dataclass
from itertools import product

from reference_impl.problem import Problem
from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.costs import MAX_FACTOR_ERROR, NAMED_FACTOR_ERRORS, NAMED_FACTOR_RTOL


@dataclass(frozen=True, slots=True)
class NamedFactor:
    """A factor with the bug that produces it.

    also: ids of other bugs with the same factor here. estimated: no bug has this factor in particular.
    """

    bug: str
    factor: float
    also: tuple[str, ...] = ()
    estimated: bool = False


def name_factor(
    problem: Problem, factor: float, relative_error: float, equation: str
) -> tuple[NamedFactor, ...]:
    """Return the bugs behind a factor of the loss, of a δ, or of one gradient: one, or a sign and another.

    equation: the equation that the factor multiplies.
    """
    any_factor = next(row.id for row in BUGS.values() if row.any_factor)
    if NAMED_FACTOR_ERRORS * relative_error > MAX_FACTOR_ERROR:
        return (NamedFactor(any_factor, factor, estimated=True),)
    known = _known(problem, equation)
    sign = [(bug, value) for bug, value in known if value == -1.0]
    singles = [(bug, value) for bug, value in known if _same(factor, value, relative_error)]
    if singles:
        bug, value = min(singles, key=lambda item: abs(factor - item[1]))  # a coarse precision fits several
        also = tuple(dict.fromkeys(other for other, same in singles if other != bug and same == value))
        return (NamedFactor(bug, value, also),)
    for (first, flip), (second, value) in product(sign, known):
        if value != -1.0 and _same(factor, flip * value, relative_error):
            return NamedFactor(first, flip), NamedFactor(second, value)
    return (NamedFactor(any_factor, factor, estimated=True),)


def has_name(problem: Problem, factor: float, relative_error: float, equation: str) -> bool:
    """True if a bug has this factor in particular."""
    return not any(named.estimated for named in name_factor(problem, factor, relative_error, equation))


def _known(problem: Problem, equation: str) -> list[tuple[str, float]]:
    """Return the factors of all bugs. For a single gradient only the sign has a name."""
    rows = [row for row in BUGS.values() if row.factors is not None]
    if equation in ("weight_gradient", "bias_gradient"):
        return [(row.id, value) for row in rows for value in row.factors(problem) if value == -1.0]  # type: ignore[misc]
    return [
        (row.id, value)
        for row in rows
        for value in row.factors(problem)  # type: ignore[misc]
        if value != 1.0 and (row.equation == equation or (value == -1.0))
    ]


def _same(factor: float, value: float, relative_error: float) -> bool:
    return abs(factor - value) <= max(NAMED_FACTOR_ERRORS * relative_error, NAMED_FACTOR_RTOL) * abs(value)
