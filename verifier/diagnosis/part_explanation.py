"""Explain the submitted gradient of one parameter by a right or wrong rule, given the layer's δ."""

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
from verifier.diagnosis.costs import RULES_PER_GRADIENT
from verifier.diagnosis.evidence import Evidence, Part
from verifier.diagnosis.fitting import (
    Fit,
    fit,
    is_beyond_chance,
    of_twins,
    product_of,
    size_of_product,
)


@dataclass(frozen=True, slots=True)
class PartExplanation:
    """A rule that reproduces one gradient up to a factor. bug: None for the right rule."""

    bug: Bug | None
    fit: Fit
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def scale(self) -> float | None:
        """Factor of the gradient; None if any factor fits."""
        return self.fit.scale

    @property
    def is_weak(self) -> bool:
        """True if the factor has little evidence: a single number, or numbers that are mostly rounding."""
        return self.fit.weak or (self.fit.numbers < 2 and self.fit.scale not in (None, 1.0))


RIGHT = PartExplanation(None, Fit(1.0, 0.0, 1e-13, 52.0, 1))


@dataclass(frozen=True, eq=False)
class Target:
    """The submitted gradient of one parameter under a penalty hypothesis.

    penalty: the gradient of the penalties. factor: factor of the loss's own gradient.
    """

    part: Part
    penalty: Array
    evidence: Evidence
    factor: float = 1.0

    @cached_property
    def data(self) -> Array:
        """Submitted gradient without penalties, divided by the factor."""
        if self.part.submitted is None:
            raise ValueError(f"{self.part.name} was not handed in, so nothing explains it")
        return (self.part.submitted - self.penalty) / self.factor

    @cached_property
    def fixed(self) -> Array:
        """Tolerance independent of the loss's part: rounding of the penalties, and printing."""
        of_penalties = self.part.relative * np.abs(self.penalty)
        if (
            self.evidence.problem.risk.penalties
        ):  # their rounding is in the allowance, even if they were left out
            of_penalties = np.maximum(of_penalties, self.part.allowance)
        return np.asarray(of_penalties + self.evidence.quantum)


def by_right_rule(
    target: Target, delta: Array, size: Array, noise_factor: float, free_scale: bool = True
) -> Fit | None:
    """Fit the right product of z and δ, on a sample of the inputs first. size: see `Delta.size`."""
    part, evidence = target.part, target.evidence
    z = evidence.trace.z[part.layer]
    if part.rows is not None:
        on_sample = _fit_rows(target, z, delta, size, noise_factor, part.rows, free_scale)
        if on_sample is None:
            return None
    return _fit_rows(target, z, delta, size, noise_factor, None, free_scale)


def _fit_rows(
    target: Target,
    z: Array,
    delta: Array,
    size: Array,
    noise_factor: float,
    rows: Array | None,
    free_scale: bool,
) -> Fit | None:
    part = target.part
    chosen = slice(None) if rows is None else rows
    left = z[:, chosen]
    value = product_of(part, left, delta)
    slack, fixed = part.relative[chosen] * noise_factor, target.fixed[chosen]
    fitted = fit(target.data[chosen], value, size_of_product(part, left, size), slack, fixed, free_scale)
    return None if fitted is None else _check_fit(target, fitted, noise_factor * _magnification(size, delta))


def by_wrong_rules(
    target: Target, place: Place, delta: Array, size_of_delta: Array, noise_factor: float, budget: Budget
) -> Iterator[PartExplanation]:
    """Yield every bug whose rule fits, with a factor only if the gradient has evidence for both."""
    part = target.part
    size = size_of_product(part, target.evidence.trace.z[part.layer], size_of_delta)
    fixed, same_within = target.fixed, of_twins(part, size, noise_factor)
    right_value = product_of(part, place.trace.z[place.layer], delta)
    trial_work = numbers_of_trial(place.problem, place.layer)
    budget.spend(numbers_of_example_weights(place.problem))
    for bug in BUGS.values():
        rule = bug.replaces.get(PRODUCTS[part.kind])
        best: PartExplanation | None = None
        for candidate in rule(place) if rule is not None else ():
            budget.spend(trial_work)
            value = candidate.value - target.penalty if candidate.whole else candidate.value
            if bool((np.abs(value - right_value) <= same_within).all()):
                continue  # equal to the right rule on this problem
            free_scale = not candidate.whole and target.data.size > 1  # one number is a multiple of any other
            fitted = fit(target.data, value, size, part.relative * noise_factor, fixed, free_scale)
            fitted = _check_fit(target, fitted, noise_factor, candidate.unknowns)
            if fitted is None or (fitted.weak and fitted.numbers > 1):
                continue
            if fitted.scale not in (None, 1.0) and fitted.numbers < 2:
                continue  # one number is a multiple of any other
            if best is None or fitted.scale in (None, 1.0):
                best = PartExplanation(bug, fitted, candidate.estimates)
            if fitted.scale in (None, 1.0):
                break
        if best is not None:
            yield best


def _magnification(size: Array, delta: Array) -> float:
    """Return the magnitude that δ's rounding is relative to over that of δ, typically."""
    with np.errstate(all="ignore"):
        return max(1.0, float(np.median(size)) / max(float(np.median(np.abs(delta))), 5e-324) / 4.0)


def _check_fit(target: Target, fitted: Fit | None, noise_factor: float, unknowns: int = 0) -> Fit | None:
    """Return None for a fit with too large a residual; mark it as weak if chance may explain it."""
    if fitted is None or fitted.scale is None:
        return fitted
    if fitted.left > target.evidence.worst_residual * noise_factor:
        return None
    free_numbers = unknowns + (0 if fitted.scale == 1.0 else 1)
    enough = is_beyond_chance((fitted.numbers - free_numbers) * fitted.bits, RULES_PER_GRADIENT)
    return fitted if enough else replace(fitted, weak=True)


def by_factor_of_whole(target: Target, delta: Array, size_of_delta: Array, noise_factor: float) -> Fit | None:
    """Fit a factor of the finished gradient, penalties included."""
    part = target.part
    if not target.penalty.any() or part.submitted is None:
        return None
    z = target.evidence.trace.z[part.layer]
    for rows in (slice(None),) if part.rows is None else (part.rows, slice(None)):
        left, penalty = z[:, rows], target.penalty[rows]
        value = product_of(part, left, delta) + penalty
        size = size_of_product(part, left, size_of_delta) + np.abs(penalty)
        slack = part.relative[rows] * noise_factor
        fitted = fit(part.submitted[rows], value, size, slack, target.evidence.quantum)
        if fitted is None:
            return None
    return _check_fit(target, fitted, noise_factor)
