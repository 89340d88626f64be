"""Hypotheses about wrong penalties. An unknown strength is estimated from each layer."""

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
from verifier.diagnosis.costs import (
    MAX_STRENGTH,
    ROUNDING_SLACK,
    RULES_PER_GRADIENT,
    SAME_STRENGTH_RTOL,
)
from verifier.diagnosis.evidence import Evidence
from verifier.diagnosis.fitting import is_beyond_chance


@dataclass(frozen=True, slots=True, eq=False)
class PenaltyHypothesis:
    """Penalties that the program may have used. bug: None for the declared ones.

    penalties: their gradients, of all layers. data_factors: factor of the loss's own gradient by kind.
    unknowns: the count of estimated numbers.
    """

    penalties: Parameters
    bug: Bug | None = None
    data_factors: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    unknowns: int = 0


def declared(evidence: Evidence) -> PenaltyHypothesis:
    """Return the hypothesis that the declared penalties were used."""
    return PenaltyHypothesis(_gradients(evidence, evidence.problem.risk.penalties))


def mistaken(evidence: Evidence) -> Iterator[PenaltyHypothesis]:
    """Yield a hypothesis for every penalty bug, with its strength estimated where it is unknown."""
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
            first.weight + strength * second.weight,
            None if first.bias is None or second.bias is None else first.bias + strength * second.bias,
        )
        for first, second in zip(base, extra, strict=True)
    )


def _strengths(evidence: Evidence, base: Parameters, extra: Parameters) -> Iterator[float]:
    """Yield estimates of t in S = s · data + base + t · extra, s = 1 or free, from each layer that fits."""
    strengths: list[float] = []
    right = _gradients(evidence, evidence.problem.risk.penalties)
    for index, parts in enumerate(evidence.parts):
        part = parts["weight"]
        if part.submitted is None:
            continue
        data = evidence.reference[index].weight - right[index].weight
        tolerance = ROUNDING_SLACK * part.allowance + evidence.quantum
        rest = part.submitted - base[index].weight
        for columns, target in (
            ([extra[index].weight], rest - data),
            ([extra[index].weight, data], rest),
        ):
            strength = _solve_coefficient(columns, target, tolerance, ROUNDING_SLACK * part.relative)
            if strength is None or any(abs(strength - t) <= SAME_STRENGTH_RTOL * abs(t) for t in strengths):
                continue
            strengths.append(strength)
            yield strength


def _solve_coefficient(
    columns: list[Array], target: Array, base_tolerance: Array, relative: Array
) -> float | None:
    """Return the first column's coefficient if the columns explain the target, else None."""
    stacked = np.stack([column.ravel() for column in columns], axis=1)
    if stacked.shape[0] <= stacked.shape[1] or not stacked[:, 0].any():
        return None
    if not (np.isfinite(stacked).all() and np.isfinite(target).all()):
        return None
    coefficients, _, rank, _ = np.linalg.lstsq(stacked, target.ravel(), rcond=None)
    if rank < stacked.shape[1]:
        return None
    residual = np.abs(stacked @ coefficients - target.ravel())
    tolerance = base_tolerance.ravel() + relative.ravel() * np.abs(coefficients[0] * stacked[:, 0])
    if len(columns) > 1:
        tolerance = (
            tolerance
            + (abs(coefficients[1]) - 1.0 if abs(coefficients[1]) > 1.0 else 0.0) * base_tolerance.ravel()
        )
    if not (np.isfinite(coefficients).all() and abs(coefficients[0]) < MAX_STRENGTH):
        return None
    fits = bool((residual <= tolerance).all())
    share = np.abs(coefficients[0] * stacked[:, 0]) / np.maximum(base_tolerance.ravel(), 5e-324)
    significant = share > 1.0
    bits = (
        (int(significant.sum()) - len(columns)) * float(np.median(np.log2(share[significant])))
        if significant.any()
        else 0.0
    )
    return float(coefficients[0]) if fits and is_beyond_chance(bits, RULES_PER_GRADIENT) else None
