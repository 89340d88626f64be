"""Hypotheses about wrong penalties. An unknown strength is estimated from each layer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import repeat
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import hidden_delta, output_delta, penalty_gradient
from reference_impl.losses import Penalty
from reference_impl.network import LayerParameters, Parameters
from verifier.diagnosis.budget import numbers_of_trial
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.catalogue.bug import Bug, LayerContext, PenaltyVariant, Replacement, UpstreamGradient
from verifier.diagnosis.catalogue.rules.hidden_delta import upstream_of
from verifier.diagnosis.catalogue.rules.output_delta import output_upstream
from verifier.diagnosis.costs import (
    MAX_STRENGTH,
    ROUNDING_SLACK,
    RULES_PER_GRADIENT,
    SAME_STRENGTH_RTOL,
)
from verifier.diagnosis.evidence import SubmittedEvidence
from verifier.diagnosis.fitting import is_beyond_chance
from verifier.diagnosis.layer import DeltaCandidate, LayerHypothesis, affects_whole_network


def right_delta(layer: LayerHypothesis, above: DeltaCandidate | None) -> DeltaCandidate:
    """Return δ by the right rule. above: None in the last layer."""
    evidence = layer.evidence
    if above is None:
        flow = UpstreamGradient(
            output_delta(evidence.problem, evidence.trace), output_upstream(_place(layer, None))
        )
        return DeltaCandidate(flow, right=True)
    delta = hidden_delta(evidence.problem, evidence.trace, layer.index, above.flow.delta)
    return DeltaCandidate(UpstreamGradient(delta, upstream_of(_place(layer, above.flow))), right=above.right)


def wrong_deltas(layer: LayerHypothesis, above: DeltaCandidate | None) -> Iterator[DeltaCandidate]:
    """Yield δ by every wrong rule, with unknowns estimated from the layer's gradients."""
    place = _place(layer, None if above is None else above.flow)
    equation = "output_delta" if above is None else "hidden_delta"
    with np.errstate(all="ignore"):
        upstream = output_upstream(place) if above is None else upstream_of(place)
        trial_work = numbers_of_trial(layer.evidence.problem, layer.index)
        for bug in BUGS.values():
            rule = bug.replaces.get(equation)
            if rule is None:
                continue
            perturbed = rule(_perturbed(layer, place)) if above is None else repeat(None)
            for candidate, perturbed_candidate in zip(rule(place), perturbed, strict=False):
                layer.budget.spend(trial_work)
                delta = _estimated(layer, bug, candidate, upstream, equation)
                if delta is None or not np.isfinite(delta.flow.delta).all():
                    continue
                if perturbed_candidate is not None and dict(perturbed_candidate.estimates) == dict(
                    candidate.estimates
                ):
                    distance = (
                        np.abs(perturbed_candidate.value - candidate.value) / layer.evidence.relative_rounding
                    )
                    delta = replace(delta, sensitivity=np.where(np.isfinite(distance), distance, 0.0))
                yield delta
                if candidate.direction is not None and len(layer.targets) > 1:
                    # beside a wrong bias gradient the weight gradient alone tells the unknown
                    of_weight = replace(layer, targets={"weight": layer.targets["weight"]})
                    alone = _estimated(of_weight, bug, candidate, upstream, equation)
                    if alone is not None and np.isfinite(alone.flow.delta).all():
                        layer.budget.spend(trial_work)
                        yield alone


def _perturbed(layer: LayerHypothesis, place: LayerContext) -> LayerContext:
    """Perturb the network's outputs by their rounding error, with alternating sign, as −y/p magnifies it."""
    trace = place.trace
    sign = np.where(np.arange(trace.outputs.size).reshape(trace.outputs.shape) % 2, 1.0, -1.0)
    factor = 1.0 + layer.evidence.relative_rounding * sign
    perturbed = replace(
        trace, a=(*trace.a[:-1], trace.a[-1] * factor), z=(*trace.z[:-1], trace.z[-1] * factor)
    )
    return replace(place, trace=perturbed)


def _estimated(
    layer: LayerHypothesis, bug: Bug, candidate: Replacement, right_upstream: Array, equation: str
) -> DeltaCandidate | None:
    """Return a candidate with its unknown estimated; None if that is impossible. right_upstream: ∂R/∂z."""
    value, estimates, unknowns = candidate.value, dict(candidate.estimates), 0
    if candidate.direction is not None:
        amount = _amount(layer, value, candidate.direction)
        if amount is None:
            return None
        value, unknowns = value + amount * candidate.direction, 1
        estimates[candidate.unknown] = amount
    unknowns += candidate.unknowns
    upstream = right_upstream if candidate.upstream is None else candidate.upstream
    whole = affects_whole_network(bug, equation)
    listed_equation = bug.equation if whole else equation
    return DeltaCandidate(
        UpstreamGradient(value, upstream),
        bug,
        estimates=estimates,
        unknowns=unknowns,
        equation=listed_equation,
        whole=whole,
    )


def _amount(layer: LayerHypothesis, value: Array, direction: Array) -> float | None:
    """Return t in δ = value + t · direction by least squares over the layer's gradients, or None."""
    z = layer.evidence.trace.z[layer.index]
    numerator = denominator = 0.0
    for kind, target in layer.targets.items():
        left = z if kind == "weight" else np.ones((z.shape[0], 1))
        rest = np.atleast_2d(target.data) - left.T @ value
        slope = left.T @ direction
        numerator += float(np.vdot(rest, slope))
        denominator += float(np.vdot(slope, slope))
    if not denominator > 0 or not np.isfinite(numerator / denominator) or numerator == 0:
        return None
    return numerator / denominator


def _place(layer: LayerHypothesis, above: UpstreamGradient | None) -> LayerContext:
    evidence = layer.evidence
    place = LayerContext(
        evidence.problem,
        evidence.trace,
        layer.index,
        above=above,
        penalties=layer.penalties,
        gradients=evidence.reference,
    )
    if above is None:
        targets = layer.targets
        data = {kind: target.data for kind, target in targets.items()}
        return replace(place, submitted_by_kind=data)
    step = evidence.parts[layer.index + 1]["weight"].submitted
    return replace(place, step=evidence.reference[layer.index + 1].weight if step is None else step)


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


def declared_penalties(evidence: SubmittedEvidence) -> PenaltyHypothesis:
    """Return the hypothesis that the declared penalties were used."""
    return PenaltyHypothesis(_gradients(evidence, evidence.problem.risk.penalties))


def wrong_penalties(evidence: SubmittedEvidence) -> Iterator[PenaltyHypothesis]:
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


def _factors(taken: PenaltyVariant) -> Mapping[str, float]:
    if taken.data_factor == 1.0:
        return {}
    return {"weight": taken.data_factor} | ({"bias": taken.data_factor} if taken.of_biases else {})


def _gradients(evidence: SubmittedEvidence, penalties: tuple[Penalty, ...]) -> Parameters:
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


def _strengths(evidence: SubmittedEvidence, base: Parameters, extra: Parameters) -> Iterator[float]:
    """Yield estimates of t in S = s · data + base + t · extra, s = 1 or free, from each layer that fits."""
    strengths: list[float] = []
    right = _gradients(evidence, evidence.problem.risk.penalties)
    for index, parts in enumerate(evidence.parts):
        part = parts["weight"]
        if part.submitted is None:
            continue
        data = evidence.reference[index].weight - right[index].weight
        tolerance = ROUNDING_SLACK * part.allowance + part.quantum
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
