"""The strongest of several draws: numbers that reveal and separate every bug that a shape allows."""

from reference_impl.problem import Problem
from verifier.diagnosis.inspection import Inspection
from verifier.diagnosis.power import inspect_problem
from verifier.diagnosis.strong_problem import strong_numbers

_SEEDS = range(100, 112)  # others than those that an inspection compares with


def strongest(problem: Problem) -> Problem:
    """Draw numbers for a problem's shape until an inspection has nothing to complain of; else the best."""
    best, most = problem, (-1.0, 0)
    for seed in _SEEDS:
        drawn = strong_numbers(problem, seed)
        strength = _strength(inspect_problem(drawn))
        if strength > most:
            best, most = drawn, strength
        if strength == (1.0, 0):
            break
    return best


def _strength(inspection: Inspection) -> tuple[float, int]:
    return inspection.mutation_score, -sum(len(row.confused_with) for row in inspection.bugs)
