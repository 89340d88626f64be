"""Which rule, given a layer's δ, leads to one parameter's gradient as handed in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.budget import Budget, numbers_of_example_weights, numbers_of_trial
from verifier.diagnosis.bug import PRODUCTS, Bug, Place
from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.evidence import Evidence, Part
from verifier.diagnosis.fitting import (
    RULES,
    Fit,
    fit,
    is_beyond_chance,
    of_twins,
    product_of,
    size_of_product,
)


@dataclass(frozen=True, slots=True)
class PartExplanation:
    """bug: None for the right rule. scale: the gradient's factor beside it, None where any fits."""

    bug: Bug | None
    fit: Fit
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def scale(self) -> float | None:
        return self.fit.scale

    @property
    def is_weak(self) -> bool:
        """Whether too little shows the factor: a single number, or numbers that are mostly rounding."""
        return self.fit.weak or (self.fit.numbers < 2 and self.fit.scale not in (None, 1.0))


RIGHT = PartExplanation(None, Fit(1.0, 0.0, 1e-13, 52.0, 1))


@dataclass(frozen=True, eq=False)
class Target:
    """One parameter with what penalties add to it under the hypothesis at hand."""

    part: Part
    penalty: Array
    evidence: Evidence
    factor: float = 1.0

    @cached_property
    def data(self) -> Array:
        """The submitted gradient, penalties taken off, over the factor that penalties are mistaken for."""
        if self.part.submitted is None:
            raise ValueError(f"{self.part.name} was not handed in, so nothing explains it")
        return (self.part.submitted - self.penalty) / self.factor

    @cached_property
    def fixed(self) -> Array:
        """By how much entries may be off whatever the loss's part is: rounding of penalties, and printing."""
        of_penalties = self.part.relative * np.abs(self.penalty)
        if self.evidence.problem.risk.penalties:  # whose rounding stays where they were left out
            of_penalties = np.maximum(of_penalties, self.part.allowance)
        return np.asarray(of_penalties + self.evidence.quantum)


def by_right_rule(
    target: Target, delta: Array, size: Array, blur: float, free_scale: bool = True
) -> Fit | None:
    """Fit the right product of z and δ; on a sample of inputs first. size: see `Delta`."""
    part, evidence = target.part, target.evidence
    z = evidence.trace.z[part.layer]
    if part.rows is not None:
        tried = _fit_rows(target, z, delta, size, blur, part.rows, free_scale)
        if tried is None:
            return None
    return _fit_rows(target, z, delta, size, blur, None, free_scale)


def _fit_rows(
    target: Target,
    z: Array,
    delta: Array,
    size: Array,
    blur: float,
    rows: Array | None,
    free_scale: bool,
) -> Fit | None:
    part = target.part
    chosen = slice(None) if rows is None else rows
    left = z[:, chosen]
    value = product_of(part, left, delta)
    slack, fixed = part.relative[chosen] * blur, target.fixed[chosen]
    found = fit(target.data[chosen], value, size_of_product(part, left, size), slack, fixed, free_scale)
    return None if found is None else _believed(target, found, blur * _magnified(size, delta))


def by_wrong_rules(
    target: Target, place: Place, delta: Array, size_of_delta: Array, blur: float, budget: Budget
) -> Iterator[PartExplanation]:
    """Give every row of the table that fits; with a factor beside it only where the gradient shows both."""
    part = target.part
    size = size_of_product(part, target.evidence.trace.z[part.layer], size_of_delta)
    fixed, twins = target.fixed, of_twins(part, size, blur)
    usual = product_of(part, place.trace.z[place.layer], delta)
    of_trial = numbers_of_trial(place.problem, place.layer)
    budget.spend(numbers_of_example_weights(place.problem))
    for bug in BUGS.values():
        rule = bug.replaces.get(PRODUCTS[part.kind])
        best: PartExplanation | None = None
        for candidate in rule(place) if rule is not None else ():
            budget.spend(of_trial)
            value = candidate.value - target.penalty if candidate.whole else candidate.value
            if bool((np.abs(value - usual) <= twins).all()):
                continue  # the right rule gives the same here
            free = not candidate.whole and target.data.size > 1  # a single number is a multiple of any other
            found = fit(target.data, value, size, part.relative * blur, fixed, free)
            found = _believed(target, found, blur, candidate.unknowns)
            if found is None or (found.weak and found.numbers > 1):
                continue
            if found.scale not in (None, 1.0) and found.numbers < 2:
                continue  # any single number is some multiple of any other
            if best is None or found.scale in (None, 1.0):
                best = PartExplanation(bug, found, candidate.estimates)
            if found.scale in (None, 1.0):
                break
        if best is not None:
            yield best


def _magnified(size: Array, delta: Array) -> float:
    """By how much δ's rounding is larger than its own size, typically."""
    with np.errstate(all="ignore"):
        return max(1.0, float(np.median(size)) / max(float(np.median(np.abs(delta))), 5e-324) / 4.0)


def _believed(target: Target, found: Fit | None, blur: float, unknowns: int = 0) -> Fit | None:
    """Drop a fit that leaves more than rounding; mark one that chance gives to one of so many rules."""
    if found is None or found.scale is None:
        return found
    if found.left > target.evidence.worst_residual * blur:
        return None
    free = unknowns + (0 if found.scale == 1.0 else 1)
    enough = is_beyond_chance((found.numbers - free) * found.bits, RULES)
    return found if enough else replace(found, weak=True)


def by_factor_of_whole(target: Target, delta: Array, size_of_delta: Array, blur: float) -> Fit | None:
    """Fit a factor times loss's and penalties' part together, as it comes on a finished gradient."""
    part = target.part
    if not target.penalty.any() or part.submitted is None:
        return None
    z = target.evidence.trace.z[part.layer]
    for rows in (slice(None),) if part.rows is None else (part.rows, slice(None)):
        left, penalty = z[:, rows], target.penalty[rows]
        value = product_of(part, left, delta) + penalty
        size = size_of_product(part, left, size_of_delta) + np.abs(penalty)
        slack = part.relative[rows] * blur
        found = fit(part.submitted[rows], value, size, slack, target.evidence.quantum)
        if found is None:
            return None
    return _believed(target, found, blur)
