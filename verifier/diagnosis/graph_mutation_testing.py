"""Search for numbers with the best mutation score for a graph."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.graph_mutants import graph_mutants
from verifier.diagnosis.local_rules import LOCAL_RULES
from verifier.diagnosis.mutation_testing import score
from verifier.diagnosis.random_graph_problem import informative_graph_numbers
from verifier.engine.estimate import Estimate
from verifier.engine.graph_enclosure import enclosed_graph
from verifier.engine.graph_rounding import GraphRounding, rounding
from verifier.problem.errors import ReportWarning
from verifier.problem.graph import INPUT, NODE, GraphProblem, node_name
from verifier.problem.precision import PRECISIONS, Precision
from verifier.problem.submission import TOLERANCES, Tolerance
from verifier.report.inspection import BugDetection, Inspection, MutationSite

PROBES = 4  # draws of other numbers of the same graph
MOST_COMPARED = 512  # entries in which two rules are compared
_MAX_ERROR = 1e9  # in tolerances: larger errors are clipped before they are compared
_SEPARATION = 2.0  # in tolerances: rules that differ by less in every entry are the same
EQUATION = "local_rule"

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True, eq=False)
class _GraphMutantOutcome:
    """Outcome of one mutant. caught: some entry is out of tolerance.

    signature: errors of sampled entries, in tolerances.
    """

    caught: bool
    signature: Array


def inspect_graph(
    problem: GraphProblem,
    precision: Precision = PRECISIONS["float64"],
    tolerance: Tolerance = TOLERANCES["standard"],
) -> Inspection:
    """Return which wrong local rules a graph catches, misses and hides, and which give the same gradients.

    The submission contains the gradients in `problem.requested`. precision, tolerance: of the later check.
    """
    seen = dict(_mutant_outcomes(problem, precision, tolerance))
    made = set(seen)
    possible = {key for key, item in seen.items() if item.caught}
    separable: set[frozenset[str]] = set()
    for seed in range(PROBES):
        other = dict(_mutant_outcomes(informative_graph_numbers(problem, seed), precision, tolerance))
        caught = {key: item for key, item in other.items() if item.caught}
        made |= other.keys()
        possible |= caught.keys()
        separable |= _pairs(caught) - _alike(caught)
    alike = _alike({key: item for key, item in seen.items() if item.caught})
    rows = tuple(_row(rule.id, problem, seen, made, possible, alike, separable) for rule in LOCAL_RULES)
    rows = tuple(row for row in rows if row.made)
    rounding_errors = rounding(problem, precision)
    reference = enclosed_graph(problem, rounding_errors.kinks)
    zero_entries = {key: int((estimate.value == 0).sum()) for key, estimate in reference.items()}
    warnings = tuple(_cautions(problem, rounding_errors))
    return Inspection(
        mutation_score=score(rows),
        bugs=rows,
        uninformative=zero_entries,
        entries=sum(estimate.value.size for estimate in reference.values()),
        warnings=warnings,
        advice=tuple(_advice(problem, warnings, rows)),
        of_graph=True,
    )


def _mutant_outcomes(
    problem: GraphProblem, precision: Precision, tolerance: Tolerance
) -> Iterator[tuple[Key, _GraphMutantOutcome]]:
    rounding_errors = rounding(problem, precision)
    reference = enclosed_graph(problem, rounding_errors.kinks)
    right = _flat({key: estimate.value for key, estimate in reference.items()}, problem)
    max_error = _flat(_tolerances(reference, rounding_errors, tolerance), problem)
    sample = _sample(right.size)
    counts: dict[tuple[str, str], int] = {}
    for mutant in graph_mutants(problem):
        place = (mutant.rule.id, mutant.at)
        form = counts[place] = counts.get(place, -1) + 1
        with np.errstate(all="ignore"):
            error = (_flat(mutant.gradients, problem) - right) / max_error
        caught = not bool((np.abs(error) <= 1.0).all())
        signature = np.nan_to_num(error[sample], nan=_MAX_ERROR).clip(-_MAX_ERROR, _MAX_ERROR)
        yield (*place, form), _GraphMutantOutcome(caught, signature)


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


def _sample(size: int) -> Array:
    if size <= MOST_COMPARED:
        return np.arange(size)
    return np.sort(np.random.default_rng(0).choice(size, MOST_COMPARED, replace=False))


def _alike(seen: Mapping[Key, _GraphMutantOutcome]) -> set[frozenset[str]]:
    """Return the pairs of rules that have two mutants with the same gradients."""
    keys = list(seen)
    pairs: set[frozenset[str]] = set()
    if not keys:
        return pairs
    signatures = np.stack([item.signature for item in seen.values()])
    for index, key in enumerate(keys):
        distance = np.abs(signatures[index + 1 :] - signatures[index]).max(axis=1, initial=0.0)
        for other in np.flatnonzero(distance <= _SEPARATION):
            rule = keys[index + 1 + int(other)][0]
            if rule != key[0]:
                pairs.add(frozenset((key[0], rule)))
    return pairs


def _pairs(seen: Mapping[Key, _GraphMutantOutcome]) -> set[frozenset[str]]:
    rules = sorted({key[0] for key in seen})
    return {frozenset((first, second)) for first in rules for second in rules if first < second}


def _row(
    rule: str,
    problem: GraphProblem,
    seen: Mapping[Key, _GraphMutantOutcome],
    made: set[Key],
    possible: set[Key],
    alike: set[frozenset[str]],
    separable: set[frozenset[str]],
) -> BugDetection:
    of_rule = sorted(key for key in made if key[0] == rule)
    caught = [key for key in of_rule if key in seen and seen[key].caught]
    missed = [key for key in of_rule if key not in caught and key in possible]
    hidden = [key for key in of_rule if key not in possible]
    others = [(pair, other) for pair in alike if rule in pair for other in pair - {rule}]
    return BugDetection(
        bug=rule,
        made=len(of_rule),
        caught=len(caught),
        missed=len(missed),
        hidden=len(hidden),
        missed_at=_places(problem, missed),
        hidden_at=_places(problem, hidden),
        confused_with=tuple(sorted(other for pair, other in others if pair in separable)),
        same_here_as=tuple(sorted(other for pair, other in others if pair not in separable)),
    )


def _places(problem: GraphProblem, keys: list[Key]) -> tuple[MutationSite, ...]:
    return tuple(
        MutationSite(None, EQUATION, _named(problem, name)) for name in dict.fromkeys(key[1] for key in keys)
    )


def _named(problem: GraphProblem, name: str) -> str:
    """Return the name of a gradient for a plain name."""
    if name in problem.parameters:
        return name
    return f"{INPUT if name in problem.inputs else NODE}{name}"


def _cautions(problem: GraphProblem, rounding_errors: GraphRounding) -> Iterator[ReportWarning]:
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


_SEEDS = range(100, 108)  # different from the seeds of `inspect_graph`


def most_informative_graph(problem: GraphProblem) -> GraphProblem:
    """Return the graph with the numbers, of several draws, that catch and separate most wrong rules."""
    best, best_strength = problem, (-1.0, 0)
    for seed in _SEEDS:
        drawn = informative_graph_numbers(problem, seed)
        strength = _strength(inspect_graph(drawn))
        if strength > best_strength:
            best, best_strength = drawn, strength
        if strength == (1.0, 0):
            break
    return best


def _strength(inspection: Inspection) -> tuple[float, int]:
    return inspection.mutation_score, -sum(len(row.confused_with) for row in inspection.bugs)
