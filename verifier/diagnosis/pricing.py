"""The price of explaining a layer with δ times a factor: each gradient by whatever costs least beside that.

Three factors are unknown: δ's, the weight gradient's and the bias gradient's. A factor that both gradients
show is δ's, and is inherited below; one that a single gradient shows is that gradient's own.
"""

from collections.abc import Mapping
from dataclasses import replace

from verifier.diagnosis.bug import PRODUCTS, Flow
from verifier.diagnosis.factors import name_factor
from verifier.diagnosis.finding import AGAIN, UNEXPLAINED, UNEXPLAINED_ID, UNKNOWN, Finding
from verifier.diagnosis.fitting import Fit
from verifier.diagnosis.layer import Delta, Layer, LayerExplanation
from verifier.diagnosis.part_explanation import PartExplanation

_Priced = tuple[float, list[Finding], PartExplanation]
_NO_FIT = Fit(None, 1.0, 0.0, 0.0, 0)


def priced_explanation(
    layer: Layer, delta: Delta, scale: float, found: Mapping[str, list[PartExplanation]]
) -> LayerExplanation:
    """Explain the layer with δ times `scale`, each gradient by whatever costs least beside that."""
    cost, findings = 0.0, []
    names = tuple(f"layers.{layer.index}.{kind}" for kind in layer.evidence.parts[layer.index])
    parts: dict[str, _Priced] = {}
    for kind, explanations in found.items():
        here = {finding.bug for priced in parts.values() for finding in priced[1]}
        beside = replace(layer, known=layer.known | here)
        parts[kind] = _cheapest(beside, kind, explanations, scale)
    residual = max((part[2].fit.residual for part in parts.values()), default=0.0)
    if delta.bug is not None:
        cost += layer.price(delta.bug.id) + UNKNOWN * delta.unknowns
        place = None if delta.whole else layer.index
        findings.append(
            Finding(
                delta.bug.id,
                place,
                delta.equation,
                names,
                residual=residual,
                factor=delta.estimates.get("factor"),
                estimates=delta.estimates,
            )
        )
    if scale != 1.0:
        blur = max((part[2].fit.blur for part in parts.values()), default=0.0)
        for position, named in enumerate(
            name_factor(layer.evidence.problem, scale, blur, layer.scale_equation)
        ):
            price = layer.price(named.bug) + (UNKNOWN if named.estimated else 0.0)
            cost += AGAIN if position else price  # a sign and a factor are two halves of one slip
            findings.append(
                Finding(
                    named.bug,
                    None if layer.is_first_seen else layer.index,
                    layer.scale_equation,
                    names,
                    factor=named.factor,
                    residual=residual,
                    also=named.also,
                )
            )
    for price, own, _ in parts.values():
        cost += price
        findings += own
    flow = Flow(
        scale * delta.flow.delta, None if delta.flow.upstream is None else scale * delta.flow.upstream
    )
    return LayerExplanation(cost, flow, delta.right and scale == 1.0, tuple(findings), delta.blur)


def _cheapest(layer: Layer, kind: str, explanations: list[PartExplanation], scale: float) -> _Priced:
    """Price every explanation of one gradient under δ's factor; merge those that cost the same."""
    part = layer.evidence.parts[layer.index][kind]
    priced: list[_Priced] = []
    nothing = Finding(UNEXPLAINED_ID, layer.index, PRODUCTS[kind], (part.name,), residual=1.0)
    priced.append((UNEXPLAINED, [nothing], PartExplanation(None, _NO_FIT)))
    for explanation in explanations:
        cost, findings = 0.0, []
        if explanation.bug is not None:
            cost += layer.price(explanation.bug.id)
            findings.append(
                Finding(
                    explanation.bug.id,
                    layer.index,
                    PRODUCTS[kind],
                    (part.name,),
                    factor=explanation.estimates.get("factor"),
                    residual=explanation.fit.residual,
                    estimates=explanation.estimates,
                )
            )
        if not explanation.fit.has_scale(scale) and explanation.scale is not None:
            own = explanation.scale / scale
            names = name_factor(layer.evidence.problem, own, explanation.fit.blur, PRODUCTS[kind])
            if explanation.is_weak and any(named.estimated for named in names):
                continue  # any single number is some multiple of any other
            for named in names:
                cost += layer.price(named.bug) + UNKNOWN
                findings.append(
                    Finding(
                        named.bug,
                        layer.index,
                        PRODUCTS[kind],
                        (part.name,),
                        factor=named.factor,
                        residual=explanation.fit.residual,
                        also=named.also,
                    )
                )
        priced.append((cost, findings, explanation))
    priced.sort(key=lambda item: item[0])
    best = priced[0]
    return best[0], _with_equals(best, priced[1:]), best[2]


def _with_equals(
    best: _Priced,
    others: list[_Priced],
) -> list[Finding]:
    """Note on a single finding those that would do as well in its place."""
    if len(best[1]) != 1 or best[1][0].bug == UNEXPLAINED_ID:
        return best[1]
    finding = best[1][0]
    equals = tuple(other[1][0].bug for other in others if len(other[1]) == 1)
    also = tuple(b for b in dict.fromkeys((*finding.also, *equals)) if b not in (finding.bug, UNEXPLAINED_ID))
    return [replace(finding, also=also)]
