"""Search for numbers with the best mutation score for a graph."""

from verifier.diagnosis.inspection import Inspection
from verifier.graphs.diagnosis.power import inspect_graph
from verifier.graphs.diagnosis.strong_graph import strong_numbers_of_graph
from verifier.graphs.problem import GraphProblem

_SEEDS = range(100, 108)  # different from the seeds of `inspect_graph`


def strongest_graph(problem: GraphProblem) -> GraphProblem:
    """Return the graph with the numbers, of several draws, that catch and separate most wrong rules."""
    best, best_strength = problem, (-1.0, 0)
    for seed in _SEEDS:
        drawn = strong_numbers_of_graph(problem, seed)
        strength = _strength(inspect_graph(drawn))
        if strength > best_strength:
            best, best_strength = drawn, strength
        if strength == (1.0, 0):
            break
    return best


def _strength(inspection: Inspection) -> tuple[float, int]:
    return inspection.mutation_score, -sum(len(row.confused_with) for row in inspection.bugs)
