"""What the oracles say together: a reference value for every entry, and where they contradict each other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reference_impl.array import Array
from verifier.estimate import Answer, Estimate, Uncertainty

MEETING = 2.0**-50  # relative; twice what the four subtractions lose


@dataclass(frozen=True, slots=True)
class Dispute:
    """Two oracles that differ by more than both errors: in which parameter, how often, and where most."""

    first: str
    second: str
    parameter: str
    entries: int
    worst: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one oracle contributed.

    entries: how many entries it could tell. agrees: whether all of them lie within both errors of the
    reference; None where it told none. max_disagreement: the largest distance from the reference.
    """

    oracle: str
    entries: int
    agrees: bool | None
    max_disagreement: float | None
    uncertainty: Uncertainty
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """reference: by parameter. disputed: by parameter, True where some two oracles contradict each other."""

    reference: Mapping[str, Estimate]
    disputed: Mapping[str, Array]
    disputes: tuple[Dispute, ...]
    evidence: tuple[Evidence, ...]


def consult(
    answers: Mapping[str, Answer], shapes: Mapping[str, tuple[int, ...]], judge: str | None = None
) -> Consensus:
    """Take each entry's value from the first oracle that knows it, and hold all pairs against each other.

    judge: an oracle whose word ends a dispute wherever it knows the entry.
    """
    reference = {
        name: _first_known([a.gradient[name] for a in answers.values() if name in a.gradient], shape)
        for name, shape in shapes.items()
    }
    disputed = {name: np.zeros(shape, dtype=bool) for name, shape in shapes.items()}
    disputes: list[Dispute] = []
    suspicious = [name for name in shapes if not _all_meet(answers.values(), name)]
    for (first, one), (second, other) in combinations(answers.items(), 2):
        for name in suspicious:
            if name not in one.gradient or name not in other.gradient:
                continue
            distance, conflict = _conflict(one.gradient[name], other.gradient[name])
            if conflict.any():
                disputed[name] |= conflict
                worst = np.unravel_index(int(np.argmax(np.where(conflict, distance, -1.0))), distance.shape)
                where = tuple(int(i) for i in worst)
                disputes.append(Dispute(first, second, name, int(conflict.sum()), where))
    if judge is not None and judge in answers:
        for name, estimate in answers[judge].gradient.items():
            disputed[name] &= ~_known(estimate)
    evidence = tuple(_evidence(oracle, answer, reference) for oracle, answer in answers.items())
    return Consensus(reference, disputed, tuple(disputes), evidence)


def _all_meet(answers: Iterable[Answer], name: str) -> bool:
    """Whether all intervals value ± reach of every entry have a point in common, and so do any two (Helly).

    A miss within rounding says no, as does what is unknown beside an infinite value: pairs then tell.
    """
    owns = [answer.gradient[name] for answer in answers if name in answer.gradient]
    if not owns:
        return True
    with np.errstate(all="ignore"):
        low = np.asarray(owns[0].value - owns[0].reach)
        high = np.asarray(owns[0].value + owns[0].reach)
        end = np.empty_like(low)  # one for all: fresh memory costs more than the arithmetic
        for own in owns[1:]:
            reach = own.reach
            np.maximum(low, np.subtract(own.value, reach, out=end), out=low)
            np.minimum(high, np.add(own.value, reach, out=end), out=high)
        room = np.subtract(high, low, out=high)
        return bool((room >= np.multiply(np.abs(low, out=end), MEETING, out=end)).all())


def _evidence(oracle: str, answer: Answer, reference: Mapping[str, Estimate]) -> Evidence:
    entries, largest, agrees = 0, 0.0, True
    for name, estimate in answer.gradient.items():
        if estimate is reference[name]:  # which it is where it knows every entry
            entries += estimate.value.size
            continue
        distance, conflict = _conflict(estimate, reference[name])
        entries += int(np.count_nonzero(_known(estimate)))
        largest = max(largest, float(distance.max(initial=0.0)))
        agrees = agrees and not conflict.any()
    told = entries > 0
    return Evidence(
        oracle,
        entries,
        agrees if told else None,
        largest if told else None,
        answer.uncertainty,
        answer.reason,
    )


def _conflict(one: Estimate, other: Estimate) -> tuple[Array, Array]:
    """Give the distance, 0 where either is unknown, and where it exceeds both errors."""
    with np.errstate(all="ignore"):
        distance, reach = np.abs(one.value - other.value), one.reach + other.reach
        if not (np.isfinite(distance).all() and np.isfinite(reach).all()):
            known = _known(one) & _known(other)
            return np.where(known, distance, 0.0), known & (distance > reach)
        return distance, distance > reach


def _known(estimate: Estimate) -> Array:
    return np.isfinite(estimate.error) & np.isfinite(estimate.value)


def _first_known(estimates: list[Estimate], shape: tuple[int, ...]) -> Estimate:
    if estimates and estimates[0].slopes is None and _known(estimates[0]).all():
        return estimates[0]
    value, error, slopes = np.full(shape, np.nan), np.full(shape, np.inf), np.zeros(shape)
    for estimate in estimates:
        better = ~np.isfinite(error) & _known(estimate)
        value = np.where(better, estimate.value, value)
        error = np.where(better, estimate.error, error)
        if estimate.slopes is not None:
            slopes = np.where(better, estimate.slopes, slopes)
        if np.isfinite(error).all():
            break
    return Estimate(value, error, slopes if slopes.any() else None)
