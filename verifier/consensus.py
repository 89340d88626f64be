"""What the oracles say together: a reference value for every entry, and where they contradict each other."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from verifier.estimate import Answer, Estimate, Uncertainty


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one oracle contributed.

    entries: how many entries it could tell. agrees: whether all of them lie within both errors of the
    reference; None where it told none. disputed: entries by parameter where they do not.
    """

    oracle: str
    entries: int
    agrees: bool | None
    max_disagreement: float | None
    uncertainty: Uncertainty
    reason: str = ""
    disputed: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """reference: by parameter. disputed: by parameter, True where some oracle contradicts the reference."""

    reference: Mapping[str, Estimate]
    source: str
    disputed: Mapping[str, Array]
    evidence: tuple[Evidence, ...]


def consult(answers: Mapping[str, Answer], shapes: Mapping[str, tuple[int, ...]]) -> Consensus:
    """Take each entry's value from the first oracle that knows it, and hold all the others against it."""
    reference = {name: _first_known([a.gradient[name] for a in answers.values() if name in a.gradient], shape)
                 for name, shape in shapes.items()}  # fmt: skip
    disputed = {name: np.zeros(shape, dtype=bool) for name, shape in shapes.items()}
    evidence: list[Evidence] = []
    for oracle, answer in answers.items():
        entries, largest, conflicts = 0, 0.0, []
        for name, estimate in answer.gradient.items():
            known = _known(estimate) & _known(reference[name])
            with np.errstate(all="ignore"):
                distance = np.where(known, np.abs(estimate.value - reference[name].value), 0.0)
                conflict = known & (distance > estimate.error + reference[name].error)
            disputed[name] |= conflict
            entries += int(known.sum())
            largest = max(largest, float(distance.max(initial=0.0)))
            if conflict.any():
                conflicts.append((name, int(conflict.sum())))
        told = entries > 0
        evidence.append(
            Evidence(
                oracle=oracle,
                entries=entries,
                agrees=not conflicts if told else None,
                max_disagreement=largest if told else None,
                uncertainty=answer.uncertainty,
                reason=answer.reason,
                disputed=tuple(conflicts),
            )
        )
    source = next((oracle for oracle, answer in answers.items() if answer.gradient), "")
    return Consensus(reference, source, disputed, tuple(evidence))


def _known(estimate: Estimate) -> Array:
    return np.isfinite(estimate.error) & np.isfinite(estimate.value)


def _first_known(estimates: list[Estimate], shape: tuple[int, ...]) -> Estimate:
    value, error = np.full(shape, np.nan), np.full(shape, np.inf)
    for estimate in estimates:
        better = ~np.isfinite(error) & _known(estimate)
        value = np.where(better, estimate.value, value)
        error = np.where(better, estimate.error, error)
        if np.isfinite(error).all():
            break
    return Estimate(value, error)
