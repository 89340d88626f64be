"""Mutation testing: make every bug on purpose, and count which ones the gradients of a problem reveal."""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from reference_impl.array import Array
from verifier.report.inspection import BugDetection, Inspection, MutationSite

COMPARISON_DRAWS = 4  # draws of other numbers of the same shape
_MAX_ERROR = 1e9  # in tolerances: larger errors are clipped before they are compared
_SEPARATION = 2.0  # in tolerances: bugs that differ by less in every entry are the same
_SEEDS_OF_INFORMATIVE = range(100, 112)  # different from those of the comparison draws

Key = tuple[str, MutationSite, int]  # bug, location, number of the form
Pairs = Set[frozenset[str]]
P = TypeVar("P")


@dataclass(frozen=True, slots=True, eq=False)
class MutantOutcome:
    """Outcome of one mutant. caught: some entry is out of tolerance.

    signature: errors of sampled entries, in tolerances.
    """

    caught: bool
    signature: Array


Outcomes = Mapping[Key, MutantOutcome]


def run_mutants(
    mutants: Iterable[tuple[str, MutationSite, Array]], right: Array, max_error: Array, most_compared: int
) -> dict[Key, MutantOutcome]:
    """Return the outcomes of mutants, each given as bug, location and gradients in one flat array.

    right, max_error: the right gradients and their tolerances. most_compared: size of a signature.
    """
    sample = _sample(right.size, most_compared)
    counts: dict[tuple[str, MutationSite], int] = {}
    outcomes: dict[Key, MutantOutcome] = {}
    for bug, site, gradients in mutants:
        form = counts[bug, site] = counts.get((bug, site), -1) + 1
        with np.errstate(all="ignore"):
            error = (gradients - right) / max_error
        caught = not bool((np.abs(error) <= 1.0).all())  # NaN counts as caught
        signature = np.nan_to_num(error[sample], nan=_MAX_ERROR).clip(-_MAX_ERROR, _MAX_ERROR)
        outcomes[bug, site, form] = MutantOutcome(caught, signature)
    return outcomes


def detect_bugs(
    problem: P,
    outcomes_of: Callable[[P], Outcomes],
    redraw: Callable[[P, int], P],
    bugs: Iterable[str],
    count_forms_of_draws: bool,
) -> tuple[BugDetection, ...]:
    """Return the counts of all bugs that can be made in a problem.

    outcomes_of: makes every mutant. redraw: (problem, seed) -> other numbers of the same shape.
    bugs: ids, in the order of the result.
    count_forms_of_draws: forms that can be made with other numbers alone count as well.
    """
    outcomes = outcomes_of(problem)
    caught_here = _caught(outcomes)
    made, possible, separable = dict.fromkeys(outcomes), set(caught_here), set[frozenset[str]]()
    for seed in range(COMPARISON_DRAWS):
        others = outcomes_of(redraw(problem, seed))
        caught = _caught(others)
        if count_forms_of_draws:
            made |= dict.fromkeys(others)
        possible |= caught.keys()
        separable |= _all_pairs(caught) - _equal_pairs(caught)
    equal = _equal_pairs(caught_here)
    by_bug: dict[str, list[Key]] = {}
    for key in made:
        by_bug.setdefault(key[0], []).append(key)
    return tuple(
        _detection(bug, by_bug[bug], caught_here.keys(), possible, equal, separable)
        for bug in bugs
        if bug in by_bug
    )


def mutation_score(rows: Iterable[BugDetection]) -> float:
    """Return the mean over bugs of caught / (caught + missed); 1 if nothing can be caught."""
    shares = [row.caught / (row.caught + row.missed) for row in rows if row.caught + row.missed]
    return float(np.mean(shares)) if shares else 1.0


def most_informative(
    problem: P, redraw: Callable[[P, int], P], inspect: Callable[[P], Inspection], draws: int
) -> P:
    """Return the problem with the numbers, of several draws, that catch and separate most bugs."""
    best, best_strength = problem, (-1.0, 0)
    for seed in _SEEDS_OF_INFORMATIVE[:draws]:
        drawn = redraw(problem, seed)
        strength = _strength(inspect(drawn))
        if strength > best_strength:
            best, best_strength = drawn, strength
        if strength == (1.0, 0):
            break
    return best


def _strength(inspection: Inspection) -> tuple[float, int]:
    return inspection.mutation_score, -sum(len(row.confused_with) for row in inspection.bugs)


def _sample(size: int, most: int) -> Array:
    if size <= most:
        return np.arange(size)
    return np.sort(np.random.default_rng(0).choice(size, most, replace=False))


def _caught(outcomes: Outcomes) -> dict[Key, MutantOutcome]:
    return {key: outcome for key, outcome in outcomes.items() if outcome.caught}


def _equal_pairs(outcomes: Outcomes) -> set[frozenset[str]]:
    """Return the pairs of bugs that have two mutants with the same gradients."""
    keys = list(outcomes)
    pairs: set[frozenset[str]] = set()
    if not keys:
        return pairs
    signatures = np.stack([outcome.signature for outcome in outcomes.values()])
    for index, (bug, _, _) in enumerate(keys):
        distance = np.abs(signatures[index + 1 :] - signatures[index]).max(axis=1, initial=0.0)
        for other in np.flatnonzero(distance <= _SEPARATION):
            other_bug = keys[index + 1 + int(other)][0]
            if other_bug != bug:
                pairs.add(frozenset((bug, other_bug)))
    return pairs


def _all_pairs(outcomes: Outcomes) -> set[frozenset[str]]:
    bugs = sorted({bug for bug, _, _ in outcomes})
    return {frozenset((first, second)) for first in bugs for second in bugs if first < second}


def _detection(
    bug: str, keys: list[Key], caught: Set[Key], possible: Set[Key], equal: Pairs, separable: Pairs
) -> BugDetection:
    missed = [key for key in keys if key not in caught and key in possible]
    hidden = [key for key in keys if key not in caught and key not in possible]
    others = [(pair, other) for pair in equal if bug in pair for other in pair - {bug}]
    return BugDetection(
        bug=bug,
        made=len(keys),
        caught=len(keys) - len(missed) - len(hidden),
        missed=len(missed),
        hidden=len(hidden),
        missed_at=_sites(missed),
        hidden_at=_sites(hidden),
        confused_with=tuple(sorted(other for pair, other in others if pair in separable)),
        same_here_as=tuple(sorted(other for pair, other in others if pair not in separable)),
    )


def _sites(keys: Iterable[Key]) -> tuple[MutationSite, ...]:
    return tuple(dict.fromkeys(site for _, site, _ in keys))
