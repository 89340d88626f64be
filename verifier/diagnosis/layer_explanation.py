"""Everything that explains one layer's gradients, given a candidate for its δ."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.bug import Place
from verifier.diagnosis.factors import has_name
from verifier.diagnosis.fitting import (
    Fit,
    is_beyond_chance,
    of_twins,
    product_of,
    size_of_delta,
    size_of_product,
)
from verifier.diagnosis.layer import Delta, Layer, LayerExplanation
from verifier.diagnosis.part_explanation import (
    RIGHT,
    PartExplanation,
    Target,
    by_factor_of_whole,
    by_right_rule,
    by_wrong_rules,
)
from verifier.diagnosis.pricing import priced_explanation


def is_right(layer: Layer, delta: Delta) -> bool:
    """Say whether this δ by the right rules leaves nothing to explain."""
    targets = layer.targets
    if delta.right and layer.declared:
        return bool(targets) and all(target.part.right for target in targets.values())
    return bool(targets) and all(
        (found := by_right_rule(target, delta.flow.delta, delta.size, layer.blur, free_scale=False))
        is not None
        and (found.scale is not None or delta.right)
        for target in targets.values()
    )


def explain(layer: Layer, delta: Delta, candidates: int) -> Iterator[LayerExplanation]:
    """Give the explanations under one δ. candidates: how many δ are tried, which a chance must beat."""
    fits = {
        kind: by_right_rule(target, delta.flow.delta, delta.size, layer.blur)
        for kind, target in layer.targets.items()
        if not _is_settled(layer, target, delta)
    }
    found = {kind: _explain_part(layer, kind, delta, fits) for kind in layer.targets}
    if delta.bug is not None and not _beyond_chance(layer, delta, found, candidates):
        return
    if not any(found.values()):
        return
    for scale in _distinct([1.0, *_shown_scales(layer, found)]):
        yield priced_explanation(layer, delta, scale, found)


def _shown_scales(layer: Layer, found: Mapping[str, list[PartExplanation]]) -> Iterator[float]:
    """Give the factors that δ may have: two numbers show one, or a single number one that has a name."""
    for kind, explanations in found.items():
        others = [e for other, es in found.items() if other != kind for e in es]
        for explanation in explanations:
            scale = explanation.scale
            if scale is None or explanation.fit.has_scale(1.0):
                continue
            if (
                not explanation.is_weak
                or any(e.scale is not None and e.fit.has_scale(scale) for e in others)
                or has_name(layer.evidence.problem, scale, explanation.fit.blur, layer.scale_equation)
            ):
                yield scale


def _is_settled(layer: Layer, target: Target, delta: Delta) -> bool:
    return delta.right and layer.declared and target.part.right


def _explain_part(
    layer: Layer, kind: str, delta: Delta, fits: Mapping[str, Fit | None]
) -> list[PartExplanation]:
    """Explain one gradient. fits: of every gradient of the layer by the right rule."""
    if kind not in fits:
        return [RIGHT]
    target, by_right = layer.targets[kind], fits[kind]
    found: list[PartExplanation] = []
    if by_right is not None and delta.bug is not None and _as_right(layer, target, delta, by_right):
        return []
    if by_right is not None:
        exactly = by_right.has_scale(1.0)
        if not (exactly and delta.right and layer.declared):
            found.append(PartExplanation(None, by_right))
        if exactly or by_right.scale is None:
            return found
    whole = None if found else by_factor_of_whole(target, delta.flow.delta, delta.size, layer.blur)
    if whole is not None:
        found.append(PartExplanation(None, whole))
    if delta.bug is None or found or _other_part_fits(kind, fits):
        place = _place(layer, target, delta.flow.delta)
        found += by_wrong_rules(target, place, delta.flow.delta, delta.size, layer.blur, layer.budget)
    return found


def _as_right(layer: Layer, target: Target, delta: Delta, found: Fit) -> bool:
    """Say whether a wrong δ leads to no other gradient than the right one: it then explains nothing."""
    if layer.right_delta is None:
        return False
    part = target.part
    z = layer.evidence.trace.z[part.layer]
    moved = (found.scale or 1.0) * delta.flow.delta - layer.right_delta
    distance = np.abs(product_of(part, z, moved))
    size = size_of_product(part, z, size_of_delta(layer.right_delta))
    return bool((distance <= of_twins(part, size, layer.blur)).all())


def _other_part_fits(kind: str, fits: Mapping[str, Fit | None]) -> bool:
    """A wrong product under a wrong δ is believed only where the layer's other gradient shows that δ."""
    others = [found for other, found in fits.items() if other != kind and found is not None]
    return any(found.numbers > 1 or found.scale == 1.0 for found in others)


def _place(layer: Layer, target: Target, delta: Array) -> Place:
    evidence = layer.evidence
    return Place(
        evidence.problem,
        evidence.trace,
        layer.index,
        delta=delta,
        penalties=layer.penalties,
        gradients=evidence.reference,
        others=evidence.submitted,
        submitted=target.data,
        handed_in={kind: other.data for kind, other in layer.targets.items()},
    )


def _beyond_chance(
    layer: Layer, delta: Delta, found: Mapping[str, list[PartExplanation]], candidates: int
) -> bool:
    """Say whether so much agreement is no accident among so many candidates."""
    examples, outputs = delta.flow.delta.shape
    inputs = layer.evidence.trace.z[layer.index].shape[1]
    fits = []
    for kind, explanations in found.items():
        right = next((e.fit for e in explanations if e.bug is None), None)
        if right is None:
            continue
        if right.scale is None and not layer.targets[kind].part.right:
            return True  # both vanish where the right gradient does not
        fits.append(right)
    scales = {fit.scale for fit in fits if fit.scale not in (None, 1.0)}
    unknowns = delta.unknowns + len(_distinct([s for s in scales if s is not None]))
    independent = min(sum(fit.numbers for fit in fits), outputs * min(examples, inputs + len(fits) - 1))
    bits = max((fit.bits for fit in fits), default=0.0)
    spare = int(independent) - unknowns
    return spare > 0 and is_beyond_chance(spare * bits, candidates)


def _distinct(scales: Iterable[float]) -> list[float]:
    kept: list[float] = []
    for scale in scales:
        if not any(abs(scale - other) <= 1e-12 * abs(other) for other in kept):
            kept.append(scale)
    return kept
