"""Combine the answers of the oracles into a reference for every entry, and list their disputes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reference_impl.array import Array
from verifier.engine.estimate import Answer, Estimate
from verifier.judging.statistics import all_true
from verifier.report.model import Evidence

INTERSECTION_RTOL = 2.0**-50  # twice the rounding errors of the four subtractions


@dataclass(frozen=True, slots=True)
class Dispute:
    """Two oracles that differ by more than both errors: in which parameter, how often, and where most."""

    first: str
    second: str
    parameter: str
    entries: int
    worst: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """reference: by parameter. disputed: by parameter, True where some two oracles contradict each other."""

    reference: Mapping[str, Estimate]
    disputed: Mapping[str, Array]
    disputes: tuple[Dispute, ...]
    evidence: tuple[Evidence, ...]


def combine_answers(
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
    suspicious = [name for name in shapes if not _all_intersect(answers.values(), name)]
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


class Intersection:
    """The intersection of intervals value ± half width, entry by entry."""

    def __init__(self, value: Array, half_width: Array) -> None:
        self._value, self._half_width = value, half_width
        self._low: Array | None = None  # None while it is the first interval
        self._high = value

    def narrow(self, value: Array, half_width: Array, distance: Array, columns: Array | None = None) -> None:
        """Intersect with another interval.

        distance: of its values from the first interval's. columns: where it is known; None if in all.
        """
        half_width = half_width - INTERSECTION_RTOL * np.abs(value)  # the rounding errors of the subtractions
        first = self._half_width if columns is None else self._half_width[..., columns]
        if all_true(distance + first <= half_width):
            return  # the first interval lies within it
        if self._low is None:
            self._low, self._high = (
                np.asarray(self._value - self._half_width),
                np.asarray(self._value + self._half_width),
            )
        if columns is None:
            np.maximum(self._low, value - half_width, out=self._low)
            np.minimum(self._high, value + half_width, out=self._high)
        else:
            self._low[..., columns] = np.maximum(self._low[..., columns], value - half_width)
            self._high[..., columns] = np.minimum(self._high[..., columns], value + half_width)

    def contains(self, value: Array, distance: Array) -> bool:
        """True if it contains all values. distance: of the values from the first interval's."""
        if self._low is None:
            return all_true(distance <= self._half_width)
        return all_true((self._low <= value) & (value <= self._high))

    def is_empty(self) -> bool:
        """True if it is empty in some entry, or not known; then two of the intervals are disjoint (Helly)."""
        return self._low is not None and not all_true(self._low <= self._high)


def _all_intersect(answers: Iterable[Answer], name: str) -> bool:
    """True if the intervals of all oracles certainly intersect in every entry of a parameter."""
    estimates = [answer.gradient[name] for answer in answers if name in answer.gradient]
    if not estimates:
        return True
    first, *others = estimates
    with np.errstate(all="ignore"):
        common = Intersection(first.value, first.half_width)
        for other in others:
            common.narrow(other.value, other.half_width, np.abs(other.value - first.value))
        return not common.is_empty()


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
    has_entries = entries > 0
    return Evidence(
        oracle,
        entries,
        agrees if has_entries else None,
        largest if has_entries else None,
        answer.uncertainty,
        answer.reason,
    )


def _conflict(one: Estimate, other: Estimate) -> tuple[Array, Array]:
    """Return the distance, 0 where either is unknown, and a mask of where it exceeds both errors."""
    with np.errstate(all="ignore"):
        distance, half_width = np.abs(one.value - other.value), one.half_width + other.half_width
        if not (np.isfinite(distance).all() and np.isfinite(half_width).all()):
            known = _known(one) & _known(other)
            return np.where(known, distance, 0.0), known & (distance > half_width)
        return distance, distance > half_width


def _known(estimate: Estimate) -> Array:
    return np.isfinite(estimate.error) & np.isfinite(estimate.value)


def _first_known(estimates: list[Estimate], shape: tuple[int, ...]) -> Estimate:
    if estimates and estimates[0].subgradient_radius is None and _known(estimates[0]).all():
        return estimates[0]
    value, error, subgradient_radius = np.full(shape, np.nan), np.full(shape, np.inf), np.zeros(shape)
    for estimate in estimates:
        better = ~np.isfinite(error) & _known(estimate)
        value = np.where(better, estimate.value, value)
        error = np.where(better, estimate.error, error)
        if estimate.subgradient_radius is not None:
            subgradient_radius = np.where(better, estimate.subgradient_radius, subgradient_radius)
        if np.isfinite(error).all():
            break
    return Estimate(value, error, subgradient_radius if subgradient_radius.any() else None)
