"""inspect(): what a problem could reveal, told by making every bug of the catalogue on it.

A bug that leaves every number within its tolerance is invisible here. Whether that is the fault of the
numbers or of the network's shape is told by other numbers of the same shape: what no numbers reveal (a linear
layer hides g′, whatever its weights) is not counted against the problem.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import gradients
from reference_impl.network import Parameters, forward, named
from reference_impl.problem import Problem
from verifier.caution import Caution
from verifier.diagnosis.advice import advise
from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.inspection import BugPower, Inspection, Place
from verifier.diagnosis.mutation import mutants
from verifier.diagnosis.strong_problem import strong_numbers
from verifier.informativeness import uninformative_parts
from verifier.precision import PRECISIONS, Precision
from verifier.rounding import rounding
from verifier.tolerance import TOLERANCES, Tolerance

PROBES = 4  # other numbers of the same shape
MOST_COMPARED = 4096  # entries by which two bugs are told apart
_FAR = 1e9  # tolerances; what is that far off is no nearer for being farther
_APART = 2.0  # tolerances between two bugs that can be told apart

Key = tuple[str, int | None, str, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """key: bug, layer, equation, form. caught: some entry is out of tolerance.

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
    """Say which bugs a problem reveals, which it hides, and which it cannot tell apart.

    precision, tolerance: those of the check that is to catch them: a bug is caught where an entry is off by
    more than rounding in that precision and rtol · scale + atol. Work: a backward
    pass or two for each bug, place and form, on this problem and on `PROBES` draws of other numbers.
    """
    seen = {item.key: item for item in _seen(problem, precision, tolerance)}
    possible: set[Key] = set()
    separable: set[frozenset[str]] = set()
    for seed in range(PROBES):
        other = {item.key: item for item in _seen(strong_numbers(problem, seed), precision, tolerance)}
        caught = {key: item for key, item in other.items() if item.caught}
        possible |= caught.keys()
        apart = {frozenset(pair) for pair in _bugs_of(caught)} - _alike(caught)
        separable |= apart
    possible |= {key for key, item in seen.items() if item.caught}
    alike = _alike({key: item for key, item in seen.items() if item.caught})
    rows = tuple(_row(bug, seen, possible, alike, separable) for bug in _made_bugs(seen))
    trace = forward(problem.network, problem.parameters, problem.batch)
    right = dict(named(gradients(problem, trace)))
    cautions = tuple(uninformative_parts(problem, trace))
    return Inspection(
        mutation_score=score(rows),
        bugs=rows,
        uninformative={name: int((array == 0).sum()) for name, array in right.items()},
        entries=sum(array.size for array in right.values()),
        warnings=cautions,
        advice=tuple(_advice(problem, cautions, rows)),
    )


def _seen(problem: Problem, precision: Precision, tolerance: Tolerance) -> Iterator[_Seen]:
    trace = forward(problem.network, problem.parameters, problem.batch)
    honest = rounding(problem, trace, precision)
    right = _flat(gradients(problem, trace))
    allowed = np.concatenate(
        [
            (honest.allowance[name] + tolerance.rtol * honest.scale[name] + tolerance.atol).ravel()
            for name in honest.allowance
        ]
    )
    allowed = np.maximum(allowed, np.finfo(np.float64).tiny)
    sample = _sample(right.size)
    counts: dict[tuple[str, int | None, str], int] = {}
    with np.errstate(all="ignore"):
        for mutant in mutants(problem, trace):
            error = (_flat(mutant.gradients) - right) / allowed
            place = (mutant.bug.id, mutant.layer, mutant.equation)
            form = counts[place] = counts.get(place, -1) + 1
            caught = not bool((np.abs(error) <= 1.0).all())  # NaN is no right number
            yield _Seen((*place, form), caught, np.nan_to_num(error[sample], nan=_FAR).clip(-_FAR, _FAR))


def _flat(parameters: Parameters) -> Array:
    return np.concatenate([array.ravel() for _, array in named(parameters)])


def _sample(size: int) -> Array:
    if size <= MOST_COMPARED:
        return np.arange(size)
    return np.sort(np.random.default_rng(0).choice(size, MOST_COMPARED, replace=False))


def _alike(seen: Mapping[Key, _Seen]) -> set[frozenset[str]]:
    """Give pairs of bugs of which some two forms give the same numbers."""
    keys = list(seen)
    if not keys:
        return set()
    found: set[frozenset[str]] = set()
    signatures = np.stack([item.signature for item in seen.values()])
    for index, key in enumerate(keys):
        distance = np.abs(signatures[index + 1 :] - signatures[index]).max(axis=1)
        for other in np.flatnonzero(distance <= _APART):
            bug = keys[index + 1 + int(other)][0]
            if bug != key[0]:
                found.add(frozenset((key[0], bug)))
    return found


def _bugs_of(seen: Mapping[Key, _Seen]) -> Iterator[tuple[str, str]]:
    bugs = sorted({key[0] for key in seen})
    for index, first in enumerate(bugs):
        yield from ((first, second) for second in bugs[index + 1 :])


def _made_bugs(seen: Mapping[Key, _Seen]) -> list[str]:
    made = {key[0] for key in seen}
    return [bug for bug in BUGS if bug in made]


def _row(
    bug: str,
    seen: Mapping[Key, _Seen],
    possible: set[Key],
    alike: set[frozenset[str]],
    separable: set[frozenset[str]],
) -> BugPower:
    own = {key: item for key, item in seen.items() if key[0] == bug}
    missed = [key for key, item in own.items() if not item.caught and key in possible]
    hidden = [key for key, item in own.items() if not item.caught and key not in possible]
    pairs = [pair for pair in alike if bug in pair]
    confused = sorted(other for pair in pairs for other in pair - {bug} if pair in separable)
    always = sorted(other for pair in pairs for other in pair - {bug} if pair not in separable)
    return BugPower(
        bug=bug,
        made=len(own),
        caught=sum(item.caught for item in own.values()),
        missed=len(missed),
        hidden=len(hidden),
        missed_at=_places(missed),
        hidden_at=_places(hidden),
        confused_with=tuple(confused),
        same_here_as=tuple(always),
    )


def _places(keys: list[Key]) -> tuple[Place, ...]:
    return tuple(Place(layer, equation) for layer, equation in dict.fromkeys((k[1], k[2]) for k in keys))


def score(rows: tuple[BugPower, ...]) -> float:
    """Give the mean over bugs of the share that is caught, of what numbers of this shape can catch."""
    shares = [row.caught / (row.caught + row.missed) for row in rows if row.caught + row.missed]
    return float(np.mean(shares)) if shares else 1.0


def _advice(problem: Problem, cautions: tuple[Caution, ...], rows: tuple[BugPower, ...]) -> Iterator[str]:
    yield from advise(problem)
    yield from (caution.detail for caution in cautions if caution.code != "one-example")
    if any(row.missed or row.confused_with for row in rows):
        yield (
            "take other numbers of the same shape: `gradjury example --strong --like FILE` draws some "
            "that reveal and separate all that this shape allows"
        )
