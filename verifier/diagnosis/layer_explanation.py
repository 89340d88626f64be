"""Enumerate the explanations of one layer's gradients, given a candidate for its δ."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.bug import Place
from verifier.diagnosis.costs import SAME_SCALE_RTOL
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
    """True if the right rules with this δ give all submitted gradients of the layer."""
    targets = layer.targets
    if delta.right and layer.declared:
        return bool(targets) and all(target.part.right for target in targets.values())
    return bool(targets) and all(
        (
            right_fit := by_right_rule(
                target, delta.flow.delta, delta.size, layer.noise_factor, free_scale=False
            )
        )
        is not None
        and (right_fit.scale is not None or delta.right)
        for target in targets.values()
    )


def explain(layer: Layer, delta: Delta, candidates: int) -> Iterator[LayerExplanation]:
    """Yield the explanations under one δ. candidates: the count of δ that are tried in this layer."""
    fits = {
        kind: by_right_rule(target, delta.flow.delta, delta.size, layer.noise_factor)
        for kind, target in layer.targets.items()
        if not _is_settled(layer, target, delta)
    }
    explanations = {kind: _explain_part(layer, kind, delta, fits) for kind in layer.targets}
    if delta.bug is not None and not _beyond_chance(layer, delta, explanations, candidates):
        return
    if not any(explanations.values()):
        return
    for scale in _distinct([1.0, *_possible_scales(layer, explanations)]):
        yield priced_explanation(layer, delta, scale, explanations)


def _possible_scales(layer: Layer, by_kind: Mapping[str, list[PartExplanation]]) -> Iterator[float]:
    """Yield possible factors of δ: those with two numbers as evidence, or one number and a bug's factor."""
    for kind, explanations in by_kind.items():
        others = [part for other, of_part in by_kind.items() if other != kind for part in of_part]
        for explanation in explanations:
            scale = explanation.scale
            if scale is None or explanation.fit.has_scale(1.0):
                continue
            if (
                not explanation.is_weak
                or any(part.scale is not None and part.fit.has_scale(scale) for part in others)
                or has_name(layer.evidence.problem, scale, explanation.fit.scale_error, layer.scale_equation)
            ):
                yield scale


def _is_settled(layer: Layer, target: Target, delta: Delta) -> bool:
    """True if a correct gradient needs no explanation under this δ."""
    return delta.right and layer.declared and target.part.right


def _explain_part(
    layer: Layer, kind: str, delta: Delta, fits: Mapping[str, Fit | None]
) -> list[PartExplanation]:
    """Return the explanations of one gradient. fits: fits of the layer's gradients by the right rule."""
    if kind not in fits:
        return [RIGHT]
    target, by_right = layer.targets[kind], fits[kind]
    explanations: list[PartExplanation] = []
    if by_right is not None and delta.bug is not None and _as_right(layer, target, delta, by_right):
        return []
    if by_right is not None:
        exactly = by_right.has_scale(1.0)
        if not (exactly and delta.right and layer.declared):
            explanations.append(PartExplanation(None, by_right))
        if exactly or by_right.scale is None:
            return explanations
    whole = (
        None if explanations else by_factor_of_whole(target, delta.flow.delta, delta.size, layer.noise_factor)
    )
    if whole is not None:
        explanations.append(PartExplanation(None, whole))
    if delta.bug is None or explanations or _other_part_fits(kind, fits):
        place = _place(layer, target, delta.flow.delta)
        explanations += by_wrong_rules(
            target, place, delta.flow.delta, delta.size, layer.noise_factor, layer.budget
        )
    return explanations


def _as_right(layer: Layer, target: Target, delta: Delta, fitted: Fit) -> bool:
    """True if a wrong δ gives the same gradient as the right one, so that it explains nothing."""
    if layer.right_delta is None:
        return False
    part = target.part
    z = layer.evidence.trace.z[part.layer]
    moved = (fitted.scale or 1.0) * delta.flow.delta - layer.right_delta
    distance = np.abs(product_of(part, z, moved))
    size = size_of_product(part, z, size_of_delta(layer.right_delta))
    return bool((distance <= of_twins(part, size, layer.noise_factor)).all())


def _other_part_fits(kind: str, fits: Mapping[str, Fit | None]) -> bool:
    """True if the layer's other gradient is evidence for a wrong δ, as a second wrong rule requires."""
    others = [other_fit for other, other_fit in fits.items() if other != kind and other_fit is not None]
    return any(other_fit.numbers > 1 or other_fit.scale == 1.0 for other_fit in others)


def _place(layer: Layer, target: Target, delta: Array) -> Place:
    evidence = layer.evidence
    return Place(
        evidence.problem,
        evidence.trace,
        layer.index,
        delta=delta,
        penalties=layer.penalties,
        gradients=evidence.reference,
        submitted_gradients=evidence.submitted,
        submitted=target.data,
        submitted_by_kind={kind: other.data for kind, other in layer.targets.items()},
    )


def _beyond_chance(
    layer: Layer, delta: Delta, by_kind: Mapping[str, list[PartExplanation]], candidates: int
) -> bool:
    """True if chance hardly explains the agreement of one of so many candidates."""
    examples, outputs = delta.flow.delta.shape
    inputs = layer.evidence.trace.z[layer.index].shape[1]
    fits = []
    for kind, explanations in by_kind.items():
        right = next((e.fit for e in explanations if e.bug is None), None)
        if right is None:
            continue
        if right.scale is None and not layer.targets[kind].part.right:
            return True  # a zero gradient where the right one is not zero
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
