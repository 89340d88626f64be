"""Data types of the search in one layer: layer, candidate for δ, explanation of the gradients."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.network import LayerParameters, Parameters
from verifier.diagnosis.budget import SearchBudget, numbers_of_example_weights, numbers_of_trial
from verifier.diagnosis.catalogue import BUGS, ORDER
from verifier.diagnosis.catalogue.bug import PRODUCTS, Bug, LayerContext, UpstreamGradient
from verifier.diagnosis.catalogue.rules.numbers import least_squares_factor
from verifier.diagnosis.costs import (
    COST_NEW_BUG,
    COST_PER_RANK,
    COST_REPEATED_BUG,
    COST_REPEATED_UNEXPLAINED,
    COST_UNEXPLAINED,
    RULES_PER_GRADIENT,
    SENSITIVITY_QUANTILE,
    ZERO_BITS,
)
from verifier.diagnosis.evidence import SubmittedEvidence, SubmittedGradient
from verifier.diagnosis.fitting import (
    Fit,
    delta_magnitude,
    fit,
    indistinguishable_distance,
    is_beyond_chance,
    parameter_gradient,
    product_magnitude,
)
from verifier.report.model import Finding


@dataclass(frozen=True, slots=True)
class GradientExplanation:
    """A rule that reproduces one gradient up to a factor. bug: None for the right rule.

    unknowns: the count of numbers estimated from the submission, without the factor.
    is_multiple: the rule gives a multiple of the right gradient.
    """

    bug: Bug | None
    fit: Fit
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    unknowns: int = 0
    is_multiple: bool = False

    @property
    def scale(self) -> float | None:
        """Factor of the gradient; None if any factor fits."""
        return self.fit.scale

    @property
    def is_weak(self) -> bool:
        """True if the factor has little evidence: a single number, or numbers that are mostly rounding."""
        return self.fit.weak or (self.fit.numbers < 2 and self.fit.scale not in (None, 1.0))


RIGHT = GradientExplanation(None, Fit(1.0, 0.0, 1e-13, 52.0, 1))


@dataclass(frozen=True, eq=False)
class GradientTarget:
    """The submitted gradient of one parameter under a penalty hypothesis.

    penalty: the gradient of the penalties. factor: factor of the loss's own gradient.
    """

    part: SubmittedGradient
    penalty: Array
    evidence: SubmittedEvidence
    factor: float = 1.0

    @cached_property
    def data(self) -> Array:
        """Submitted gradient without penalties, divided by the factor."""
        if self.part.submitted is None:
            raise ValueError(f"{self.part.name} was not submitted, so nothing explains it")
        return (self.part.submitted - self.penalty) / self.factor

    @cached_property
    def bits_of_zero(self) -> float:
        """Bits by which the submitted gradient is smaller than the right one: evidence that it is 0."""
        right = getattr(self.evidence.reference[self.part.layer], self.part.kind) - self.penalty
        with np.errstate(all="ignore"):
            bits = np.log2(np.abs(right[right != 0] / self.data[right != 0]))
        return float(np.median(np.clip(bits, 0.0, ZERO_BITS)) * bits.size) if bits.size else 0.0

    @cached_property
    def fixed(self) -> Array:
        """Tolerance independent of the loss's part: rounding of the penalties, and printing."""
        of_penalties = self.part.relative * np.abs(self.penalty)
        if (
            self.evidence.problem.risk.penalties
        ):  # their rounding is in the allowance, even if they were left out
            of_penalties = np.maximum(of_penalties, self.part.allowance)
        return np.asarray(of_penalties + self.part.quantum)


def fit_right_rule(
    target: GradientTarget, delta: Array, size: Array, noise_factor: float, free_scale: bool = True
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
    target: GradientTarget,
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
    value = parameter_gradient(part, left, delta)
    slack, fixed = part.relative[chosen] * noise_factor, target.fixed[chosen]
    products_size = product_magnitude(part, left, size)
    fitted = fit(target.data[chosen], value, products_size, slack, fixed, free_scale, part.grid[chosen])
    if fitted is None:
        return None
    return _check_fit(target, fitted, noise_factor * _magnification(size, delta))


def fit_wrong_rules(
    target: GradientTarget,
    place: LayerContext,
    delta: Array,
    delta_magnitude: Array,
    noise_factor: float,
    budget: SearchBudget,
) -> Iterator[GradientExplanation]:
    """Yield every bug whose rule fits, with a factor only if the gradient has evidence for both."""
    part = target.part
    size = product_magnitude(part, target.evidence.trace.z[part.layer], delta_magnitude)
    fixed, same_within = target.fixed, indistinguishable_distance(part, size, noise_factor)
    right_value = parameter_gradient(part, place.trace.z[place.layer], delta)
    most_scale = max(1.0, _norm_ratio(target.data, right_value))
    trial_work = numbers_of_trial(place.problem, place.layer)
    budget.spend(numbers_of_example_weights(place.problem))
    for bug in BUGS.values():
        rule = bug.replaces.get(PRODUCTS[part.kind])
        best: GradientExplanation | None = None
        for candidate in rule(place) if rule is not None else ():
            budget.spend(trial_work)
            value = candidate.value - target.penalty if candidate.whole else candidate.value
            if bool((np.abs(value - right_value) <= same_within).all()):
                continue  # equal to the right rule on this problem
            if target.evidence.coarser and target.data.any() and not value.any():
                continue  # noise is relative, and leaves a gradient of 0 alone
            free_scale = not candidate.whole and target.data.size > 1  # one number is a multiple of any other
            is_multiple = _is_multiple(value, right_value, same_within)
            slack = part.relative * noise_factor
            factor = 1.0 if candidate.whole else abs(candidate.estimates.get("factor", 1.0))
            of_value = size * factor  # the rounding of a sum is N times that of a mean
            fitted = fit(target.data, value, of_value, slack, fixed, free_scale, part.grid, most_scale)
            fitted = _check_fit(target, fitted, noise_factor, candidate.unknowns)
            if fitted is None or (fitted.weak and (fitted.numbers > 1 or _is_coarse(target))):
                continue
            if fitted.scale is None and not is_beyond_chance(target.bits_of_zero, RULES_PER_GRADIENT):
                continue
            if fitted.scale not in (None, 1.0) and fitted.numbers < 2:
                continue  # one number is a multiple of any other
            if best is None or fitted.scale in (None, 1.0):
                best = GradientExplanation(bug, fitted, candidate.estimates, candidate.unknowns, is_multiple)
            if fitted.scale in (None, 1.0):
                break
        if best is not None:
            yield best


def _norm_ratio(first: Array, second: Array) -> float:
    norm = float(np.linalg.norm(second))
    return float(np.linalg.norm(first)) / norm if norm > 0 else 1.0


def _is_multiple(value: Array, right_value: Array, same_within: Array) -> bool:
    """True if a value is the right one times a number, within what can be distinguished."""
    factor = least_squares_factor(value, right_value)
    if not np.isfinite(factor):
        factor = 0.0
    return bool((np.abs(value - factor * right_value) <= abs(factor) * same_within).all())


def _is_coarse(target: GradientTarget) -> bool:
    """True if a number may agree by chance: it has few digits, or is less accurate than declared."""
    return target.evidence.coarser or bool(target.part.grid.any())


def _magnification(size: Array, delta: Array) -> float:
    """Return the magnitude that δ's rounding is relative to over that of δ, typically."""
    with np.errstate(all="ignore"):
        return max(1.0, float(np.median(size)) / max(float(np.median(np.abs(delta))), 5e-324) / 4.0)


def _check_fit(
    target: GradientTarget, fitted: Fit | None, noise_factor: float, unknowns: int = 0
) -> Fit | None:
    """Return None for a fit with too large a residual; mark it as weak if chance may explain it."""
    if fitted is None or fitted.scale is None:
        return fitted
    if fitted.left > target.evidence.worst_residual * noise_factor:
        return None
    free_numbers = unknowns + (0 if fitted.scale == 1.0 else 1)
    enough = is_beyond_chance((fitted.numbers - free_numbers) * fitted.bits, RULES_PER_GRADIENT)
    return fitted if enough else replace(fitted, weak=True)


def fit_finished_gradient(
    target: GradientTarget, delta: Array, delta_magnitude: Array, noise_factor: float
) -> Fit | None:
    """Fit a factor of the finished gradient, penalties included."""
    part = target.part
    if not target.penalty.any() or part.submitted is None:
        return None
    z = target.evidence.trace.z[part.layer]
    for rows in (slice(None),) if part.rows is None else (part.rows, slice(None)):
        left, penalty = z[:, rows], target.penalty[rows]
        value = parameter_gradient(part, left, delta) + penalty
        size = product_magnitude(part, left, delta_magnitude) + np.abs(penalty)
        slack = part.relative[rows] * noise_factor
        fitted = fit(part.submitted[rows], value, size, slack, part.quantum[rows], grid=part.grid[rows])
        if fitted is None:
            return None
    return _check_fit(target, fitted, noise_factor)


@dataclass(frozen=True, eq=False)
class DeltaCandidate:
    """A candidate for a layer's δ. bug: None for the right rule. right: it is the true δ of this problem.

    unknowns: the count of numbers estimated from the submission.
    whole: the bug affects the whole network; the last δ shows it first.
    sensitivity: change of δ over the relative rounding of the network's outputs, entry by entry.
    """

    flow: UpstreamGradient
    bug: Bug | None = None
    right: bool = False
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    unknowns: int = 0
    equation: str = ""
    whole: bool = False
    sensitivity: Array | None = None

    @cached_property
    def size(self) -> Array:
        """Magnitude that the rounding error of δ is relative to, (N, out)."""
        size = delta_magnitude(self.flow.delta)
        return size if self.sensitivity is None else size + self.sensitivity

    @property
    def noise_factor(self) -> float:
        """Rounding error of δ over that of a well-conditioned δ, for most entries."""
        if self.sensitivity is None:
            return 1.0
        with np.errstate(all="ignore"):
            share = self.sensitivity / delta_magnitude(self.flow.delta)
        return 1.0 + float(np.quantile(np.nan_to_num(share, posinf=0.0), SENSITIVITY_QUANTILE))


@dataclass(frozen=True, slots=True, eq=False)
class LayerExplanation:
    """One explanation of a layer's gradients.

    flow: δ for the layer below, its factor included. noise_factor: see `Delta`.
    """

    cost: float
    flow: UpstreamGradient
    right: bool
    findings: tuple[Finding, ...]
    noise_factor: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class LayerHypothesis:
    """A layer under a hypothesis.

    declared: the penalties are the declared ones, so correct gradients need no explanation.
    penalties: the gradients of the penalties, of all layers. targets: the submitted gradients by kind.
    known: ids of the bugs in the layers above. unexplained: the equations that nothing explains there.
    noise_factor: their effect on the rounding error of δ.
    """

    evidence: SubmittedEvidence
    index: int
    declared: bool
    penalties: Parameters
    targets: Mapping[str, GradientTarget]
    budget: SearchBudget
    known: frozenset[str] = frozenset()
    noise_factor: float = 1.0
    right_delta: Array | None = None
    unexplained: frozenset[str] = frozenset()

    @property
    def penalty(self) -> LayerParameters:
        return self.penalties[self.index]

    @property
    def is_first_seen(self) -> bool:
        """True for the last layer, or if no gradient of the layers above was submitted."""
        above = range(self.index + 1, len(self.evidence.parts))
        return not any(self.evidence.submitted_parts(index) for index in above)

    @property
    def scale_equation(self) -> str:
        """The equation that contains a factor of this layer's δ."""
        return "loss" if self.is_first_seen else "hidden_delta"

    def price(self, bug: str) -> float:
        """Return the cost of a bug in this layer."""
        return (COST_REPEATED_BUG if bug in self.known else COST_NEW_BUG) + COST_PER_RANK * ORDER[bug]

    def price_unexplained(self, equation: str) -> float:
        """Return the cost of a gradient that nothing explains."""
        return COST_REPEATED_UNEXPLAINED if equation in self.unexplained else COST_UNEXPLAINED


def gradient_targets(
    evidence: SubmittedEvidence, index: int, penalty: LayerParameters, data_factors: Mapping[str, float]
) -> dict[str, GradientTarget]:
    """Return the submitted gradients of a layer by kind. penalty, data_factors: see `PenaltyHypothesis`."""
    return {
        part.kind: GradientTarget(
            part, getattr(penalty, part.kind), evidence, data_factors.get(part.kind, 1.0)
        )
        for part in evidence.submitted_parts(index)
    }


def affects_whole_network(bug: Bug, equation: str) -> bool:
    """True if a bug in this equation affects all layers alike."""
    return bug.in_whole_network or (bug.equation == "weight_gradient" and equation == "output_delta")
