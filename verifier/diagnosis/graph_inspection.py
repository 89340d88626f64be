"""Inspect a graph: the wrong local rules that it reveals, and numbers that reveal most."""

from collections.abc import Iterator, Mapping

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.catalogue import LOCAL_RULES
from verifier.diagnosis.catalogue.bug import LOCAL_RULE
from verifier.diagnosis.graph_mutants import graph_mutants
from verifier.diagnosis.mutation_testing import (
    Outcomes,
    detect_bugs,
    most_informative,
    mutation_score,
    run_mutants,
)
from verifier.diagnosis.random_problem import informative_graph_numbers
from verifier.engine.enclosure import enclosed_graph
from verifier.engine.estimate import Estimate
from verifier.engine.graph_rounding import GraphRounding, rounding
from verifier.problem.errors import ReportWarning
from verifier.problem.graph import NODE, GraphProblem, gradient_name, node_name
from verifier.problem.precision import PRECISIONS, Precision
from verifier.problem.submission import TOLERANCES, Tolerance
from verifier.report.inspection import BugDetection, Inspection, MutationSite

MAX_COMPARED_ENTRIES = 512  # entries in which two rules are compared
_DRAWS = 8  # of informative numbers


def inspect_graph(
    problem: GraphProblem,
    precision: Precision = PRECISIONS["float64"],
    tolerance: Tolerance = TOLERANCES["standard"],
) -> Inspection:
    """Return which wrong local rules a graph catches, misses and hides, and which give the same gradients.

    The submission contains the gradients in `problem.requested`. precision, tolerance: of the later check.
    """

    def outcomes_of(drawn: GraphProblem) -> Outcomes:
        return _outcomes(drawn, precision, tolerance)

    rows = detect_bugs(
        problem, outcomes_of, informative_graph_numbers, LOCAL_RULES, count_forms_of_draws=True
    )
    rounding_errors = rounding(problem, precision)
    reference = enclosed_graph(problem, rounding_errors.kinks)
    zero_entries = {key: int((estimate.value == 0).sum()) for key, estimate in reference.items()}
    warnings = tuple(_warnings(problem, rounding_errors))
    return Inspection(
        mutation_score=mutation_score(rows),
        bugs=rows,
        uninformative=zero_entries,
        entries=sum(estimate.value.size for estimate in reference.values()),
        warnings=warnings,
        advice=tuple(_advice(problem, warnings, rows)),
        of_graph=True,
    )


def _outcomes(problem: GraphProblem, precision: Precision, tolerance: Tolerance) -> Outcomes:
    rounding_errors = rounding(problem, precision)
    reference = enclosed_graph(problem, rounding_errors.kinks)
    right = _flat({key: estimate.value for key, estimate in reference.items()}, problem)
    allowed = _flat(_tolerances(reference, rounding_errors, tolerance), problem)
    with_sites = (
        (
            mutant.bug,
            MutationSite(None, LOCAL_RULE, gradient_name(problem, mutant.at)),
            _flat(mutant.gradients, problem),
        )
        for mutant in graph_mutants(problem)
    )
    return run_mutants(with_sites, right, allowed, MAX_COMPARED_ENTRIES)


def _tolerances(
    reference: Mapping[str, Estimate], rounding_errors: GraphRounding, tolerance: Tolerance
) -> dict[str, Array]:
    """Return the tolerance of each entry, including the range of subgradients at kinks."""
    tiny = np.finfo(np.float64).tiny
    return {
        key: estimate.error
        + (0.0 if estimate.subgradient_radius is None else estimate.subgradient_radius)
        + rounding_errors.allowance[key]
        + tolerance.rtol * rounding_errors.scale[key]
        + max(tolerance.atol, tiny)
        for key, estimate in reference.items()
    }


def _flat(arrays: Mapping[str, Array], problem: GraphProblem) -> Array:
    return np.concatenate([np.ravel(arrays[key]) for key in problem.requested] or [np.zeros(0)])


def _warnings(problem: GraphProblem, rounding_errors: GraphRounding) -> Iterator[ReportWarning]:
    reached = {name for node in problem.upstream_of_output for name in (node.name, *node.operands)}
    if unreached := [key for key in problem.requested if node_name(key) not in reached]:
        yield ReportWarning(
            "no-influence",
            f"the output does not depend on {_some(unreached)}: the gradient is 0 whatever the code does; "
            "leave it out, or let it lead to the output",
        )
    if rounding_errors.kinks:
        kinked = [f"{NODE}{name}" for name in rounding_errors.kinks]
        yield ReportWarning(
            "kink",
            f"{_some(kinked)}: exactly at a kink several slopes are right, and wrong rules pass; move the "
            "numbers",
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _advice(
    problem: GraphProblem, warnings: tuple[ReportWarning, ...], rows: tuple[BugDetection, ...]
) -> Iterator[str]:
    if not any(key.startswith(NODE) for key in problem.requested) and len(problem.nodes) > 1:
        yield (
            "no node's gradient is asked: a mistake is placed only where a parameter shows it; name inner "
            "nodes in `gradients` as well"
        )
    yield from (warning.detail for warning in warnings)
    if any(row.missed or row.confused_with for row in rows):
        yield (
            "take other numbers for the same graph: `gradjury example --strong --like FILE` draws some that "
            "reveal and separate all that the graph allows"
        )


def most_informative_graph(problem: GraphProblem) -> GraphProblem:
    """Return the graph with the numbers, of several draws, that catch and separate most wrong rules."""
    return most_informative(problem, informative_graph_numbers, inspect_graph, _DRAWS)
