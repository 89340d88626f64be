"""Enumerate the explanations of one layer's gradients, given a candidate for its δ."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import prod

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.catalogue.bug import PRODUCTS, LayerContext, UpstreamGradient
from verifier.diagnosis.catalogue.rules.example_weights import is_balanced
from verifier.diagnosis.costs import (
    COST_ESTIMATED_NUMBER,
    COST_REPEATED_BUG,
    MAX_FACTOR_ERROR,
    NAMED_FACTOR_ERRORS,
    NAMED_FACTOR_RTOL,
    SAME_SCALE_RTOL,
)
from verifier.diagnosis.fitting import (
    Fit,
    delta_magnitude,
    indistinguishable_distance,
    is_beyond_chance,
    parameter_gradient,
    product_magnitude,
)
from verifier.diagnosis.layer import (
    RIGHT,
    DeltaCandidate,
    GradientExplanation,
    GradientTarget,
    LayerExplanation,
    LayerHypothesis,
    fit_finished_gradient,
    fit_right_rule,
    fit_wrong_rules,
)
from verifier.report.model import UNEXPLAINED_ID, Finding


@dataclass(frozen=True, slots=True)
class NamedFactor:
    """A factor with the bug that produces it.

    equivalent_bugs: ids of other bugs with the same factor here.
    estimated: no bug has this factor in particular.
    """

    bug: str
    factor: float
    equivalent_bugs: tuple[str, ...] = ()
    estimated: bool = False


def bugs_of_factor(
    problem: Problem, factor: float, relative_error: float, equation: str
) -> tuple[NamedFactor, ...]:
    """Return the bugs behind a factor of the loss, of a δ, or of one gradient: one, or a sign and another.

    equation: the equation that the factor multiplies.
    """
    any_factor = next(row.id for row in BUGS.values() if row.any_factor)
    if NAMED_FACTOR_ERRORS * relative_error > MAX_FACTOR_ERROR:
        return (NamedFactor(any_factor, factor, estimated=True),)
    known = _known(problem, equation)
    sign = [(bug, value) for bug, value in known if value == -1.0]
    singles = [(bug, value) for bug, value in known if _same(factor, value, relative_error)]
    if singles:
        bug, value = min(singles, key=lambda item: abs(factor - item[1]))  # a coarse precision fits several
        equivalent_bugs = tuple(
            dict.fromkeys(other for other, same in singles if other != bug and same == value)
        )
        return (NamedFactor(bug, value, equivalent_bugs),)
    for (first, flip), (second, value) in product(sign, known):
        if value != -1.0 and _same(factor, flip * value, relative_error):
            return NamedFactor(first, flip), NamedFactor(second, value)
    return (NamedFactor(any_factor, factor, estimated=True),)


def is_named_factor(problem: Problem, factor: float, relative_error: float, equation: str) -> bool:
    """True if a bug has this factor in particular."""
    return not any(named.estimated for named in bugs_of_factor(problem, factor, relative_error, equation))


def _known(problem: Problem, equation: str) -> list[tuple[str, float]]:
    """Return the factors of all bugs. For a single gradient only the sign has a name."""
    rows = [row for row in BUGS.values() if row.factors is not None]
    if equation in ("weight_gradient", "bias_gradient"):
        return [(row.id, value) for row in rows for value in row.factors(problem) if value == -1.0]  # type: ignore[misc]
    return [
        (row.id, value)
        for row in rows
        for value in row.factors(problem)  # type: ignore[misc]
        if value != 1.0 and (row.equation == equation or (value == -1.0))
    ]


def _same(factor: float, value: float, relative_error: float) -> bool:
    return abs(factor - value) <= max(NAMED_FACTOR_ERRORS * relative_error, NAMED_FACTOR_RTOL) * abs(value)


_NO_FIT = Fit(None, 1.0, 0.0, 0.0, 0)


@dataclass(frozen=True, slots=True)
class _Priced:
    """An explanation of one gradient with its cost, given the factor of δ."""

    cost: float
    findings: tuple[Finding, ...]
    fit: Fit


def _priced_explanation(
    layer: LayerHypothesis,
    delta: DeltaCandidate,
    scale: float,
    by_kind: Mapping[str, list[GradientExplanation]],
    free: bool,
) -> LayerExplanation:
    """Return the cheapest explanation of a layer's gradients, given δ times `scale`.

    free: see `_cheapest`.
    """
    parts: list[_Priced] = []
    for kind, explanations in by_kind.items():
        known_here = {finding.bug for part in parts for finding in part.findings}
        beside = replace(layer, known=layer.known | known_here)
        parts.append(_cheapest(beside, kind, explanations, scale, free))
    names = tuple(f"layers.{layer.index}.{kind}" for kind in layer.evidence.parts[layer.index])
    residual = max((part.fit.residual for part in parts), default=0.0)
    cost, findings = 0.0, []
    if delta.bug is not None:
        cost += layer.price(delta.bug.id) + COST_ESTIMATED_NUMBER * delta.unknowns
        where = None if delta.whole else layer.index
        make_finding = partial(
            Finding, layer=where, equation=delta.equation, parameters=names, residual=residual
        )
        findings.append(
            make_finding(delta.bug.id, factor=delta.estimates.get("factor"), estimates=delta.estimates)
        )
    exact_scale = 1.0
    if scale != 1.0:
        scale_error = max((part.fit.scale_error for part in parts), default=0.0)
        where, equation = None if layer.is_first_seen else layer.index, layer.scale_equation
        make_finding = partial(Finding, layer=where, equation=equation, parameters=names, residual=residual)
        names_of_scale = bugs_of_factor(layer.evidence.problem, scale, scale_error, equation)
        exact_scale = prod(named.factor for named in names_of_scale)
        for position, named in enumerate(names_of_scale):
            price = layer.price(named.bug) + (COST_ESTIMATED_NUMBER if named.estimated else 0.0)
            cost += COST_REPEATED_BUG if position else price  # a sign and a factor are one mistake
            findings.append(
                make_finding(named.bug, factor=named.factor, equivalent_bugs=named.equivalent_bugs)
            )
    for part in parts:
        cost += part.cost
        findings += part.findings
    upstream = None if delta.flow.upstream is None else exact_scale * delta.flow.upstream
    flow = UpstreamGradient(exact_scale * delta.flow.delta, upstream)
    return LayerExplanation(cost, flow, delta.right and scale == 1.0, tuple(findings), delta.noise_factor)


def _cheapest(
    layer: LayerHypothesis, kind: str, explanations: list[GradientExplanation], scale: float, free: bool
) -> _Priced:
    """Return the cheapest explanation of one gradient given δ's factor, with the other bugs noted on it.

    free: the layer's gradients show more than one number of δ, which is a multiple of any other.
    """
    name, equation = layer.evidence.parts[layer.index][kind].name, PRODUCTS[kind]
    unexplained = Finding(UNEXPLAINED_ID, layer.index, equation, (name,), residual=1.0)
    priced = [_Priced(layer.price_unexplained(equation), (unexplained,), _NO_FIT)]
    for explanation in explanations:
        fit, cost, findings = explanation.fit, 0.0, []
        make_finding = partial(
            Finding, layer=layer.index, equation=equation, parameters=(name,), residual=fit.residual
        )
        if explanation.bug is not None:
            bug, estimates = explanation.bug, explanation.estimates
            cost += layer.price(bug.id) + COST_ESTIMATED_NUMBER * explanation.unknowns
            wrong = make_finding(bug.id, factor=estimates.get("factor"), estimates=estimates)
            findings.append(replace(wrong, equation="penalty") if bug.equation == "penalty" else wrong)
        if not fit.has_scale(scale) and fit.scale is not None:
            names = bugs_of_factor(layer.evidence.problem, fit.scale / scale, fit.scale_error, equation)
            is_redundant = explanation.is_weak or explanation.is_multiple or not free
            if is_redundant and any(named.estimated for named in names):
                continue  # one number is a multiple of any other, and a factor of a factor is one factor
            for named in names:
                cost += layer.price(named.bug) + COST_ESTIMATED_NUMBER
                findings.append(
                    make_finding(named.bug, factor=named.factor, equivalent_bugs=named.equivalent_bugs)
                )
        priced.append(_Priced(cost, tuple(findings), fit))
    best, *others = sorted(priced, key=lambda item: item.cost)
    return replace(best, findings=_with_equals(best, others))


def _with_equals(best: _Priced, others: list[_Priced]) -> tuple[Finding, ...]:
    """Return the findings of the best explanation; a single finding lists the alternatives to it."""
    if len(best.findings) != 1 or best.findings[0].bug == UNEXPLAINED_ID:
        return best.findings
    finding = best.findings[0]
    equals = tuple(other.findings[0].bug for other in others if len(other.findings) == 1)
    equivalent_bugs = tuple(
        b
        for b in dict.fromkeys((*finding.equivalent_bugs, *equals))
        if b not in (finding.bug, UNEXPLAINED_ID)
    )
    return (replace(finding, equivalent_bugs=equivalent_bugs),)


def is_right(layer: LayerHypothesis, delta: DeltaCandidate) -> bool:
    """True if the right rules with this δ give all submitted gradients of the layer."""
    targets = layer.targets
    if delta.right and layer.declared:
        return bool(targets) and all(target.part.right for target in targets.values())
    return bool(targets) and all(
        (
            right_fit := fit_right_rule(
                target, delta.flow.delta, delta.size, layer.noise_factor, free_scale=False
            )
        )
        is not None
        and (right_fit.scale is not None or delta.right)
        for target in targets.values()
    )


def explain(layer: LayerHypothesis, delta: DeltaCandidate, candidates: int) -> Iterator[LayerExplanation]:
    """Yield the explanations under one δ. candidates: the count of δ that are tried in this layer."""
    fits = {
        kind: fit_right_rule(target, delta.flow.delta, delta.size, layer.noise_factor)
        for kind, target in layer.targets.items()
        if not _is_settled(layer, target, delta)
    }
    explanations = {kind: _explain_part(layer, kind, delta, fits) for kind in layer.targets}
    if delta.bug is not None and not _beyond_chance(layer, delta, explanations, candidates):
        return
    if not any(explanations.values()):
        return
    free = _free_numbers(layer, delta) > 1
    for scale in _distinct([1.0, *_possible_scales(layer, explanations, free)]):
        yield _priced_explanation(layer, delta, scale, explanations, free)


def _possible_scales(
    layer: LayerHypothesis, by_kind: Mapping[str, list[GradientExplanation]], free: bool
) -> Iterator[float]:
    """Yield possible factors of δ: those with two numbers as evidence, or one number and a bug's factor.

    free: see `_cheapest`.
    """
    for kind, explanations in by_kind.items():
        others = [part for other, of_part in by_kind.items() if other != kind for part in of_part]
        for explanation in explanations:
            scale = explanation.scale
            if scale is None or explanation.fit.has_scale(1.0):
                continue
            agrees = any(part.scale is not None and part.fit.has_scale(scale) for part in others)
            if (free and (not explanation.is_weak or agrees)) or (
                is_named_factor(
                    layer.evidence.problem, scale, explanation.fit.scale_error, layer.scale_equation
                )
            ):
                yield scale


def _free_numbers(layer: LayerHypothesis, delta: DeltaCandidate) -> int:
    """Return how many numbers of δ the layer's gradients can show."""
    values = delta.flow.delta
    examples, outputs = values.shape
    inputs = layer.evidence.trace.z[layer.index].shape[1]
    rank = min(examples, inputs + len(layer.targets) - 1)
    return int(rank * (outputs - 1 if outputs > 1 and is_balanced(values) else outputs))


def _is_settled(layer: LayerHypothesis, target: GradientTarget, delta: DeltaCandidate) -> bool:
    """True if a correct gradient needs no explanation under this δ."""
    return delta.right and layer.declared and target.part.right


def _explain_part(
    layer: LayerHypothesis, kind: str, delta: DeltaCandidate, fits: Mapping[str, Fit | None]
) -> list[GradientExplanation]:
    """Return the explanations of one gradient. fits: fits of the layer's gradients by the right rule."""
    if kind not in fits:
        return [RIGHT]
    target, by_right = layer.targets[kind], fits[kind]
    explanations: list[GradientExplanation] = []
    if by_right is not None and delta.bug is not None and _as_right(layer, target, delta, by_right):
        return []
    if by_right is not None:
        exactly = by_right.has_scale(1.0)
        if not (exactly and delta.right and layer.declared):
            explanations.append(GradientExplanation(None, by_right))
        if exactly or by_right.scale is None:
            return explanations
    whole = (
        None
        if explanations
        else fit_finished_gradient(target, delta.flow.delta, delta.size, layer.noise_factor)
    )
    if whole is not None:
        explanations.append(GradientExplanation(None, whole))
    if delta.bug is None or explanations or _other_part_fits(kind, fits):
        place = _place(layer, target, delta.flow.delta)
        explanations += fit_wrong_rules(
            target, place, delta.flow.delta, delta.size, layer.noise_factor, layer.budget
        )
    return explanations


def _as_right(layer: LayerHypothesis, target: GradientTarget, delta: DeltaCandidate, fitted: Fit) -> bool:
    """True if a wrong δ gives the same gradient as the right one, so that it explains nothing."""
    if layer.right_delta is None:
        return False
    part = target.part
    z = layer.evidence.trace.z[part.layer]
    moved = (fitted.scale or 1.0) * delta.flow.delta - layer.right_delta
    distance = np.abs(parameter_gradient(part, z, moved))
    size = product_magnitude(part, z, delta_magnitude(layer.right_delta))
    return bool((distance <= indistinguishable_distance(part, size, layer.noise_factor)).all())


def _other_part_fits(kind: str, fits: Mapping[str, Fit | None]) -> bool:
    """True if the layer's other gradient is evidence for a wrong δ, as a second wrong rule requires."""
    others = [other_fit for other, other_fit in fits.items() if other != kind and other_fit is not None]
    return any(other_fit.numbers > 1 or other_fit.scale == 1.0 for other_fit in others)


def _place(layer: LayerHypothesis, target: GradientTarget, delta: Array) -> LayerContext:
    evidence = layer.evidence
    return LayerContext(
        evidence.problem,
        evidence.trace,
        layer.index,
        delta=delta,
        penalties=layer.penalties,
        declared=layer.declared,
        gradients=evidence.reference,
        submitted_gradients=evidence.submitted,
        submitted=target.data,
        submitted_by_kind={kind: other.data for kind, other in layer.targets.items()},
    )


def _beyond_chance(
    layer: LayerHypothesis,
    delta: DeltaCandidate,
    by_kind: Mapping[str, list[GradientExplanation]],
    candidates: int,
) -> bool:
    """True if chance hardly explains the agreement of one of so many candidates."""
    examples, outputs = delta.flow.delta.shape
    inputs = layer.evidence.trace.z[layer.index].shape[1]
    fits = []
    for kind, explanations in by_kind.items():
        right = next((e.fit for e in explanations if e.bug is None), None)
        if right is None:
            continue
        target = layer.targets[kind]
        if right.scale is None and not target.part.right:
            if is_beyond_chance(target.bits_of_zero, candidates):
                return True  # a zero gradient where the right one is not zero
            continue
        fits.append(right)
    scales = {fit.scale for fit in fits if fit.scale not in (None, 1.0)}
    unknowns = delta.unknowns + len(_distinct([s for s in scales if s is not None]))
    independent = min(sum(fit.numbers for fit in fits), outputs * min(examples, inputs + len(fits) - 1))
    bits = max((fit.bits for fit in fits), default=0.0)
    spare = int(independent) - unknowns
    return spare > 0 and is_beyond_chance(spare * bits, candidates)


def _distinct(scales: Iterable[float]) -> list[float]:
    """Return scales without near duplicates, in their order."""
    kept: list[float] = []
    for scale in scales:
        if not any(abs(scale - other) <= SAME_SCALE_RTOL * abs(other) for other in kept):
            kept.append(scale)
    return kept
