"""Cost of the cheapest explanation of a layer's gradients, given δ times a factor.

There are three unknown factors: of δ, of the weight gradient and of the bias gradient. A factor that both
gradients have is attributed to δ and affects the layers below. A factor of one gradient affects no other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from verifier.diagnosis.bug import PRODUCTS, Flow
from verifier.diagnosis.costs import COST_ESTIMATED_NUMBER, COST_REPEATED_BUG, COST_UNEXPLAINED
from verifier.diagnosis.factors import name_factor
from verifier.diagnosis.finding import UNEXPLAINED_ID, Finding
from verifier.diagnosis.fitting import Fit
from verifier.diagnosis.layer import Delta, Layer, LayerExplanation
from verifier.diagnosis.part_explanation import PartExplanation

_NO_FIT = Fit(None, 1.0, 0.0, 0.0, 0)


@dataclass(frozen=True, slots=True)
class _Priced:
    """An explanation of one gradient with its cost, given the factor of δ."""

    cost: float
    findings: tuple[Finding, ...]
    fit: Fit


def priced_explanation(
    layer: Layer, delta: Delta, scale: float, by_kind: Mapping[str, list[PartExplanation]]
) -> LayerExplanation:
    """Return the cheapest explanation of a layer's gradients, given δ times `scale`."""
    parts: list[_Priced] = []
    for kind, explanations in by_kind.items():
        known_here = {finding.bug for part in parts for finding in part.findings}
        parts.append(_cheapest(replace(layer, known=layer.known | known_here), kind, explanations, scale))
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
    if scale != 1.0:
        scale_error = max((part.fit.scale_error for part in parts), default=0.0)
        where, equation = None if layer.is_first_seen else layer.index, layer.scale_equation
        make_finding = partial(Finding, layer=where, equation=equation, parameters=names, residual=residual)
        for position, named in enumerate(name_factor(layer.evidence.problem, scale, scale_error, equation)):
            price = layer.price(named.bug) + (COST_ESTIMATED_NUMBER if named.estimated else 0.0)
            cost += COST_REPEATED_BUG if position else price  # a sign and a factor are one mistake
            findings.append(make_finding(named.bug, factor=named.factor, also=named.also))
    for part in parts:
        cost += part.cost
        findings += part.findings
    upstream = None if delta.flow.upstream is None else scale * delta.flow.upstream
    flow = Flow(scale * delta.flow.delta, upstream)
    return LayerExplanation(cost, flow, delta.right and scale == 1.0, tuple(findings), delta.noise_factor)


def _cheapest(layer: Layer, kind: str, explanations: list[PartExplanation], scale: float) -> _Priced:
    """Return the cheapest explanation of one gradient given δ's factor, with the other bugs noted on it."""
    name, equation = layer.evidence.parts[layer.index][kind].name, PRODUCTS[kind]
    unexplained = Finding(UNEXPLAINED_ID, layer.index, equation, (name,), residual=1.0)
    priced = [_Priced(COST_UNEXPLAINED, (unexplained,), _NO_FIT)]
    for explanation in explanations:
        fit, cost, findings = explanation.fit, 0.0, []
        make_finding = partial(
            Finding, layer=layer.index, equation=equation, parameters=(name,), residual=fit.residual
        )
        if explanation.bug is not None:
            estimates = explanation.estimates
            cost += layer.price(explanation.bug.id)
            findings.append(
                make_finding(explanation.bug.id, factor=estimates.get("factor"), estimates=estimates)
            )
        if not fit.has_scale(scale) and fit.scale is not None:
            names = name_factor(layer.evidence.problem, fit.scale / scale, fit.scale_error, equation)
            if explanation.is_weak and any(named.estimated for named in names):
                continue  # one number is a multiple of any other
            for named in names:
                cost += layer.price(named.bug) + COST_ESTIMATED_NUMBER
                findings.append(make_finding(named.bug, factor=named.factor, also=named.also))
        priced.append(_Priced(cost, tuple(findings), fit))
    best, *others = sorted(priced, key=lambda item: item.cost)
    return replace(best, findings=_with_equals(best, others))


def _with_equals(best: _Priced, others: list[_Priced]) -> tuple[Finding, ...]:
    """Return the findings of the best explanation; a single finding lists the alternatives to it."""
    if len(best.findings) != 1 or best.findings[0].bug == UNEXPLAINED_ID:
        return best.findings
    finding = best.findings[0]
    equals = tuple(other.findings[0].bug for other in others if len(other.findings) == 1)
    also = tuple(b for b in dict.fromkeys((*finding.also, *equals)) if b not in (finding.bug, UNEXPLAINED_ID))
    return (replace(finding, also=also),)
