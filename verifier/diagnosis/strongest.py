"""Search for numbers with the best mutation score for a problem's shape."""

from reference_impl.problem import Problem
from verifier.diagnosis.inspection import Inspection
from verifier.diagnosis.power import inspect_problem
from verifier.diagnosis.strong_problem import strong_numbers

_SEEDS = range(100, 112)  # different from the seeds of `inspect_problem`


def strongest(problem: Problem) -> Problem:
    """Return the problem with the numbers, of several draws, that catch and separate most bugs."""
    best, best_strength = problem, (-1.0, 0)
    for seed in _SEEDS:
        drawn = strong_numbers(problem, seed)
        strength = _strength(inspect_problem(drawn))
        if strength > best_strength:
            best, best_strength = drawn, strength
        if strength == (1.0, 0):
            break
    return best


def _strength(inspection: Inspection) -> tuple[float, int]:
    return inspection.mutation_score, -sum(len(row.confused_with) for row in inspection.bugs)
