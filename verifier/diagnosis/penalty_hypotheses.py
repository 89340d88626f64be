"""What the program may have taken for the penalties; a strength is read off the layers that show it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import penalty_gradient
from reference_impl.losses import Penalty
from reference_impl.network import LayerParameters, Parameters
from verifier.diagnosis.bug import Bug, Taken
from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.evidence import SLACK, Evidence
from verifier.diagnosis.fitting import RULES, is_beyond_chance

_STRONGEST = 1e6  # a factor or strength that somebody may have written
_ALIKE = 1e-6  # relative distance of two estimates of one strength


@dataclass(frozen=True, slots=True, eq=False)
class PenaltyHypothesis:
    """bug: None for the declared penalties. penalties: what they add to every gradient.

    data_factors: of weights' and biases' gradients, what the loss's own part is multiplied by.
    """

    penalties: Parameters
    bug: Bug | None = None
    data_factors: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    unknowns: int = 0


def declared(evidence: Evidence) -> PenaltyHypothesis:
    return PenaltyHypothesis(_gradients(evidence, evidence.problem.risk.penalties))


def mistaken(evidence: Evidence) -> Iterator[PenaltyHypothesis]:
    """Give every row of the table about penalties, each strength estimated."""
    for bug in BUGS.values():
        for taken in bug.penalties(evidence.problem) if bug.penalties is not None else ():
            base = _gradients(evidence, taken.penalties)
            if not taken.scaled:
                yield PenaltyHypothesis(base, bug, _factors(taken), taken.estimates)
                continue
            extra = _gradients(evidence, taken.scaled)
            for strength in _strengths(evidence, base, extra):
                estimates = {**taken.estimates, taken.unknown: strength}
                yield PenaltyHypothesis(
                    _sum(base, extra, strength), bug, _factors(taken), estimates, unknowns=1
                )


def _factors(taken: Taken) -> Mapping[str, float]:
    if taken.data_factor == 1.0:
        return {}
    return {"weight": taken.data_factor} | ({"bias": taken.data_factor} if taken.of_biases else {})


def _gradients(evidence: Evidence, penalties: tuple[Penalty, ...]) -> Parameters:
    problem = replace(evidence.problem, risk=replace(evidence.problem.risk, penalties=penalties))
    return tuple(penalty_gradient(problem, evidence.trace, index) for index in range(len(evidence.parts)))


def _sum(base: Parameters, extra: Parameters, strength: float) -> Parameters:
    return tuple(
        LayerParameters(
            own.weight + strength * other.weight,
            None if own.bias is None or other.bias is None else own.bias + strength * other.bias,
        )
        for own, other in zip(base, extra, strict=True)
    )


def _strengths(evidence: Evidence, base: Parameters, extra: Parameters) -> Iterator[float]:
    """Estimate t in S = s · data + base + t · extra, s = 1 or free, from every layer that it explains."""
    found: list[float] = []
    right = _gradients(evidence, evidence.problem.risk.penalties)
    for index, parts in enumerate(evidence.parts):
        part = parts["weight"]
        if part.submitted is None:
            continue
        data = evidence.reference[index].weight - right[index].weight
        allowed = SLACK * part.allowance + evidence.quantum
        rest = part.submitted - base[index].weight
        for columns, target in (
            ([extra[index].weight], rest - data),
            ([extra[index].weight, data], rest),
        ):
            strength = _solved(columns, target, allowed, SLACK * part.relative)
            if strength is None or any(abs(strength - t) <= _ALIKE * abs(t) for t in found):
                continue
            found.append(strength)
            yield strength


def _solved(columns: list[Array], target: Array, allowed: Array, relative: Array) -> float | None:
    """Give the first column's coefficient where the columns explain the target."""
    stacked = np.stack([column.ravel() for column in columns], axis=1)
    if stacked.shape[0] <= stacked.shape[1] or not stacked[:, 0].any():
        return None
    if not (np.isfinite(stacked).all() and np.isfinite(target).all()):
        return None
    coefficients, _, rank, _ = np.linalg.lstsq(stacked, target.ravel(), rcond=None)
    if rank < stacked.shape[1]:
        return None
    left = np.abs(stacked @ coefficients - target.ravel())
    reach = allowed.ravel() + relative.ravel() * np.abs(coefficients[0] * stacked[:, 0])
    if len(columns) > 1:
        reach = reach + (abs(coefficients[1]) - 1.0 if abs(coefficients[1]) > 1.0 else 0.0) * allowed.ravel()
    if not (np.isfinite(coefficients).all() and abs(coefficients[0]) < _STRONGEST):
        return None
    fits = bool((left <= reach).all())
    share = np.abs(coefficients[0] * stacked[:, 0]) / np.maximum(allowed.ravel(), 5e-324)
    told = share > 1.0
    bits = (int(told.sum()) - len(columns)) * float(np.median(np.log2(share[told]))) if told.any() else 0.0
    return float(coefficients[0]) if fits and is_beyond_chance(bits, RULES) else None
