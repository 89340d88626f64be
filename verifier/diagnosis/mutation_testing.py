"""Search for numbers with the best mutation score for a problem's shape."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import gradients
from reference_impl.network import Parameters, forward, named
from reference_impl.problem import Problem
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.mutants import mutants
from verifier.diagnosis.random_problem import informative_parameters
from verifier.engine.rounding_allowance import rounding
from verifier.judging.informativeness import uninformative_warnings
from verifier.problem.errors import ReportWarning
from verifier.problem.precision import PRECISIONS, Precision
from verifier.problem.submission import TOLERANCES, Tolerance
from verifier.report.inspection import BugDetection, Inspection, MutationSite


@dataclass(frozen=True, slots=True)
class Weakness:
    """A weakness of a problem. text: the bugs that it hides, and the remedy."""

    applies: Callable[[Problem], bool]
    text: str


def _examples(problem: Problem) -> int:
    return problem.batch.size


def _outputs(problem: Problem) -> int:
    return problem.network.layers[-1].outputs


WEAKNESSES: tuple[Weakness, ...] = (
    Weakness(
        lambda p: _examples(p) == 1,
        "one example: a mean and a sum over examples are the same, and a bias gradient that is not summed "
        "passes; use at least 3 examples",
    ),
    Weakness(
        lambda p: _examples(p) == 2,
        "two examples: a forgotten 1/N looks like a forgotten 2; use 3 or more",
    ),
    Weakness(
        lambda p: _examples(p) > 1 and _examples(p) == _outputs(p),
        "as many examples as outputs: a mean over the one looks like a mean over the other; change N",
    ),
    Weakness(
        lambda p: _outputs(p) == 1,
        "one output: a mean and a sum over outputs are the same; use 2 or more, unless the task has one",
    ),
    Weakness(
        lambda p: any(layer.activation.name == "identity" for layer in p.network.layers[:-1]),
        "a linear hidden layer hides every mistake about g′; give it a nonlinear activation",
    ),
    Weakness(
        lambda p: len(p.network.layers) == 1,
        "a single layer: nothing is sent down, so no mistake about a hidden δ can show; use two layers",
    ),
    Weakness(
        lambda p: not any(layer.bias for layer in p.network.layers),
        "no biases: no mistake about a bias gradient can show",
    ),
    Weakness(
        lambda p: bool((p.batch.inputs == 0).all(axis=0).any()),
        "an input that is 0 in every example: the gradients of its weights are 0 whatever the code does; "
        "change that column",
    ),
    Weakness(
        lambda p: _examples(p) > 1 and len(np.unique(p.batch.inputs, axis=0)) < _examples(p),
        "equal examples: leaving one out or counting one twice shows less; make them all different",
    ),
)


def weaknesses_of(problem: Problem) -> Iterator[str]:
    """Yield the advice that applies to a problem."""
    return (row.text for row in WEAKNESSES if row.applies(problem))


COMPARISON_DRAWS = 4  # draws of other numbers of the same shape
MAX_COMPARED_ENTRIES = 4096  # entries in which two bugs are compared
_MAX_ERROR = 1e9  # in tolerances: larger errors are clipped before they are compared
_SEPARATION = 2.0  # in tolerances: bugs that differ by less in every entry are the same

Key = tuple[str, int | None, str, int]


@dataclass(frozen=True, slots=True, eq=False)
class _MutantOutcome:
    """Outcome of one mutant. key: bug, layer, equation, form. caught: some entry is out of tolerance.

    signature: errors of sampled entries, in tolerances.
    """

    key: Key
    caught: bool
    signature: Array


def inspect_problem(
    problem: Problem,
    precision: Precision = PRECISIONS["float64"],
    tolerance: Tolerance = TOLERANCES["standard"],
) -> Inspection:
    """Return which bugs a problem catches, misses and hides, and which of them give the same gradients.

    precision, tolerance: of the later check. A mutant is caught if the error of an entry exceeds the rounding
    error in that precision plus rtol · scale + atol. The work is one or two backward passes for each bug,
    layer and form, on this problem and on `PROBES` draws of other numbers.
    """
    seen = {item.key: item for item in _mutant_outcomes(problem, precision, tolerance)}
    possible: set[Key] = set()
    separable: set[frozenset[str]] = set()
    for seed in range(COMPARISON_DRAWS):
        other = {
            item.key: item
            for item in _mutant_outcomes(informative_parameters(problem, seed), precision, tolerance)
        }
        caught = {key: item for key, item in other.items() if item.caught}
        possible |= caught.keys()
        separated = {frozenset(pair) for pair in _bugs_of(caught)} - _alike(caught)
        separable |= separated
    possible |= {key for key, item in seen.items() if item.caught}
    alike = _alike({key: item for key, item in seen.items() if item.caught})
    rows = tuple(_row(bug, seen, possible, alike, separable) for bug in _made_bugs(seen))
    trace = forward(problem.network, problem.parameters, problem.batch)
    right = dict(named(gradients(problem, trace)))
    warnings = tuple(uninformative_warnings(problem, trace))
    return Inspection(
        mutation_score=score(rows),
        bugs=rows,
        uninformative={name: int((array == 0).sum()) for name, array in right.items()},
        entries=sum(array.size for array in right.values()),
        warnings=warnings,
        advice=tuple(_advice(problem, warnings, rows)),
    )


def _mutant_outcomes(
    problem: Problem, precision: Precision, tolerance: Tolerance
) -> Iterator[_MutantOutcome]:
    trace = forward(problem.network, problem.parameters, problem.batch)
    rounding_errors = rounding(problem, trace, precision)
    right = _flat(gradients(problem, trace))
    max_error = np.concatenate(
        [
            (
                rounding_errors.allowance[name]
                + tolerance.rtol * rounding_errors.scale[name]
                + tolerance.atol
            ).ravel()
            for name in rounding_errors.allowance
        ]
    )
    max_error = np.maximum(max_error, np.finfo(np.float64).tiny)
    sample = _sample(right.size)
    counts: dict[tuple[str, int | None, str], int] = {}
    with np.errstate(all="ignore"):
        for mutant in mutants(problem, trace):
            error = (_flat(mutant.gradients) - right) / max_error
            place = (mutant.bug.id, mutant.layer, mutant.equation)
            form = counts[place] = counts.get(place, -1) + 1
            caught = not bool((np.abs(error) <= 1.0).all())  # NaN counts as caught
            yield _MutantOutcome(
                (*place, form),
                caught,
                np.nan_to_num(error[sample], nan=_MAX_ERROR).clip(-_MAX_ERROR, _MAX_ERROR),
            )


def _flat(parameters: Parameters) -> Array:
    return np.concatenate([array.ravel() for _, array in named(parameters)])


def _sample(size: int) -> Array:
    if size <= MAX_COMPARED_ENTRIES:
        return np.arange(size)
    return np.sort(np.random.default_rng(0).choice(size, MAX_COMPARED_ENTRIES, replace=False))


def _alike(seen: Mapping[Key, _MutantOutcome]) -> set[frozenset[str]]:
    """Return the pairs of bugs that have two mutants with the same gradients."""
    keys = list(seen)
    if not keys:
        return set()
    pairs: set[frozenset[str]] = set()
    signatures = np.stack([item.signature for item in seen.values()])
    for index, key in enumerate(keys):
        distance = np.abs(signatures[index + 1 :] - signatures[index]).max(axis=1)
        for other in np.flatnonzero(distance <= _SEPARATION):
            bug = keys[index + 1 + int(other)][0]
            if bug != key[0]:
                pairs.add(frozenset((key[0], bug)))
    return pairs


def _bugs_of(seen: Mapping[Key, _MutantOutcome]) -> Iterator[tuple[str, str]]:
    bugs = sorted({key[0] for key in seen})
    for index, first in enumerate(bugs):
        yield from ((first, second) for second in bugs[index + 1 :])


def _made_bugs(seen: Mapping[Key, _MutantOutcome]) -> list[str]:
    made = {key[0] for key in seen}
    return [bug for bug in BUGS if bug in made]


def _row(
    bug: str,
    seen: Mapping[Key, _MutantOutcome],
    possible: set[Key],
    alike: set[frozenset[str]],
    separable: set[frozenset[str]],
) -> BugDetection:
    of_bug = {key: item for key, item in seen.items() if key[0] == bug}
    missed = [key for key, item in of_bug.items() if not item.caught and key in possible]
    hidden = [key for key, item in of_bug.items() if not item.caught and key not in possible]
    pairs = [pair for pair in alike if bug in pair]
    confused = sorted(other for pair in pairs for other in pair - {bug} if pair in separable)
    always_same = sorted(other for pair in pairs for other in pair - {bug} if pair not in separable)
    return BugDetection(
        bug=bug,
        made=len(of_bug),
        caught=sum(item.caught for item in of_bug.values()),
        missed=len(missed),
        hidden=len(hidden),
        missed_at=_places(missed),
        hidden_at=_places(hidden),
        confused_with=tuple(confused),
        same_here_as=tuple(always_same),
    )


def _places(keys: list[Key]) -> tuple[MutationSite, ...]:
    return tuple(
        MutationSite(layer, equation) for layer, equation in dict.fromkeys((k[1], k[2]) for k in keys)
    )


def score(rows: tuple[BugDetection, ...]) -> float:
    """Return the mean over bugs of caught / (caught + missed); 1 if nothing can be caught."""
    shares = [row.caught / (row.caught + row.missed) for row in rows if row.caught + row.missed]
    return float(np.mean(shares)) if shares else 1.0


def _advice(
    problem: Problem, warnings: tuple[ReportWarning, ...], rows: tuple[BugDetection, ...]
) -> Iterator[str]:
    yield from weaknesses_of(problem)
    yield from (warning.detail for warning in warnings if warning.code != "one-example")
    if any(row.missed or row.confused_with for row in rows):
        yield (
            "take other numbers of the same shape: `gradjury example --strong --like FILE` draws some "
            "that reveal and separate all that this shape allows"
        )


_SEEDS = range(100, 112)  # different from the seeds of `inspect_problem`


def most_informative_problem(problem: Problem) -> Problem:
    """Return the problem with the numbers, of several draws, that catch and separate most bugs."""
    best, best_strength = problem, (-1.0, 0)
    for seed in _SEEDS:
        drawn = informative_parameters(problem, seed)
        strength = _strength(inspect_problem(drawn))
        if strength > best_strength:
            best, best_strength = drawn, strength
        if strength == (1.0, 0):
            break
    return best


def _strength(inspection: Inspection) -> tuple[float, int]:
    return inspection.mutation_score, -sum(len(row.confused_with) for row in inspection.bugs)
