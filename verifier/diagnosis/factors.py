"""Which mistake a factor gives away: N, C, 2, −1, or none of these."""

from dataclasses import dataclass
from itertools import product

from reference_impl.problem import Problem
from verifier.diagnosis.bugs import BUGS

_CLOSE = 8.0  # times the factor's own error
_LEAST = 1e-12
_VAGUE = 4.0  # relative error from which a factor can be taken for anything


@dataclass(frozen=True, slots=True)
class NamedFactor:
    """bug: its id. also: bugs that would give the same factor here. estimated: the factor is no known one."""

    bug: str
    factor: float
    also: tuple[str, ...] = ()
    estimated: bool = False


def name_factor(problem: Problem, factor: float, blur: float, equation: str) -> tuple[NamedFactor, ...]:
    """Read a factor of the whole loss, of a δ, or of one gradient; as −1 and another where that fits."""
    any_factor = next(row.id for row in BUGS.values() if row.any_factor)
    if _CLOSE * blur > _VAGUE:
        return (NamedFactor(any_factor, factor, estimated=True),)
    known = _known(problem, equation)
    sign = [(bug, value) for bug, value in known if value == -1.0]
    singles = [(bug, value) for bug, value in known if _same(factor, value, blur)]
    if singles:
        bug, value = min(singles, key=lambda item: abs(factor - item[1]))  # a coarse precision fits several
        also = tuple(dict.fromkeys(other for other, same in singles if other != bug and same == value))
        return (NamedFactor(bug, value, also),)
    for (first, flip), (second, value) in product(sign, known):
        if value != -1.0 and _same(factor, flip * value, blur):
            return NamedFactor(first, flip), NamedFactor(second, value)
    return (NamedFactor(any_factor, factor, estimated=True),)


def has_name(problem: Problem, factor: float, blur: float, equation: str) -> bool:
    return not any(named.estimated for named in name_factor(problem, factor, blur, equation))


def _known(problem: Problem, equation: str) -> list[tuple[str, float]]:
    """List every factor with its bug. A single gradient's own factor is only ever a sign, or a constant."""
    rows = [row for row in BUGS.values() if row.factors is not None]
    if equation in ("weight_gradient", "bias_gradient"):
        return [(row.id, value) for row in rows for value in row.factors(problem) if value == -1.0]  # type: ignore[misc]
    return [
        (row.id, value)
        for row in rows
        for value in row.factors(problem)  # type: ignore[misc]
        if value != 1.0 and (row.equation == equation or (value == -1.0))
    ]


def _same(factor: float, value: float, blur: float) -> bool:
    return abs(factor - value) <= max(_CLOSE * blur, _LEAST) * abs(value)
