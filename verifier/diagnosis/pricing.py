"""The price of explaining a layer with δ times a factor: each gradient by whatever costs least beside that.

Three factors are unknown: δ's, the weight gradient's and the bias gradient's. A factor that both gradients
show is δ's, and is inherited below; one that a single gradient shows is that gradient's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from verifier.diagnosis.bug import PRODUCTS, Flow
from verifier.diagnosis.factors import name_factor
from verifier.diagnosis.finding import AGAIN, UNEXPLAINED, UNEXPLAINED_ID, UNKNOWN, Finding
from verifier.diagnosis.fitting import Fit
from verifier.diagnosis.layer import Delta, Layer, LayerExplanation
from verifier.diagnosis.part_explanation import PartExplanation

_NO_FIT = Fit(None, 1.0, 0.0, 0.0, 0)


@dataclass(frozen=True, slots=True)
class _Priced:
    """One gradient explained beside δ's factor."""

    cost: float
    findings: tuple[Finding, ...]
    fit: Fit


def priced_explanation(
    layer: Layer, delta: Delta, scale: float, found: Mapping[str, list[PartExplanation]]
) -> LayerExplanation:
    """Explain the layer with δ times `scale`, each gradient by whatever costs least beside that."""
    parts: list[_Priced] = []
    for kind, explanations in found.items():
        here = {finding.bug for part in parts for finding in part.findings}
        parts.append(_cheapest(replace(layer, known=layer.known | here), kind, explanations, scale))
    names = tuple(f"layers.{layer.index}.{kind}" for kind in layer.evidence.parts[layer.index])
    residual = max((part.fit.residual for part in parts), default=0.0)
    cost, findings = 0.0, []
    if delta.bug is not None:
        cost += layer.price(delta.bug.id) + UNKNOWN * delta.unknowns
        where = None if delta.whole else layer.index
        at = partial(Finding, layer=where, equation=delta.equation, parameters=names, residual=residual)
        findings.append(at(delta.bug.id, factor=delta.estimates.get("factor"), estimates=delta.estimates))
    if scale != 1.0:
        blur = max((part.fit.blur for part in parts), default=0.0)
        where, equation = None if layer.is_first_seen else layer.index, layer.scale_equation
        at = partial(Finding, layer=where, equation=equation, parameters=names, residual=residual)
        for position, named in enumerate(name_factor(layer.evidence.problem, scale, blur, equation)):
            price = layer.price(named.bug) + (UNKNOWN if named.estimated else 0.0)
            cost += AGAIN if position else price  # a sign and a factor are two halves of one slip
            findings.append(at(named.bug, factor=named.factor, also=named.also))
    for part in parts:
        cost += part.cost
        findings += part.findings
    upstream = None if delta.flow.upstream is None else scale * delta.flow.upstream
    flow = Flow(scale * delta.flow.delta, upstream)
    return LayerExplanation(cost, flow, delta.right and scale == 1.0, tuple(findings), delta.blur)


def _cheapest(layer: Layer, kind: str, explanations: list[PartExplanation], scale: float) -> _Priced:
    """Price every explanation of one gradient under δ's factor; merge those that cost the same."""
    name, equation = layer.evidence.parts[layer.index][kind].name, PRODUCTS[kind]
    nothing = Finding(UNEXPLAINED_ID, layer.index, equation, (name,), residual=1.0)
    priced = [_Priced(UNEXPLAINED, (nothing,), _NO_FIT)]
    for explanation in explanations:
        fit, cost, findings = explanation.fit, 0.0, []
        at = partial(Finding, layer=layer.index, equation=equation, parameters=(name,), residual=fit.residual)
        if explanation.bug is not None:
            estimates = explanation.estimates
            cost += layer.price(explanation.bug.id)
            findings.append(at(explanation.bug.id, factor=estimates.get("factor"), estimates=estimates))
        if not fit.has_scale(scale) and fit.scale is not None:
            names = name_factor(layer.evidence.problem, fit.scale / scale, fit.blur, equation)
            if explanation.is_weak and any(named.estimated for named in names):
                continue  # any single number is some multiple of any other
            for named in names:
                cost += layer.price(named.bug) + UNKNOWN
                findings.append(at(named.bug, factor=named.factor, also=named.also))
        priced.append(_Priced(cost, tuple(findings), fit))
    best, *others = sorted(priced, key=lambda item: item.cost)
    return replace(best, findings=_with_equals(best, others))


def _with_equals(best: _Priced, others: list[_Priced]) -> tuple[Finding, ...]:
    """Note on a single finding those that would do as well in its place."""
    if len(best.findings) != 1 or best.findings[0].bug == UNEXPLAINED_ID:
        return best.findings
    finding = best.findings[0]
    equals = tuple(other.findings[0].bug for other in others if len(other.findings) == 1)
    also = tuple(b for b in dict.fromkeys((*finding.also, *equals)) if b not in (finding.bug, UNEXPLAINED_ID))
    return (replace(finding, also=also),)
