"""Enumerate the δ that a program may have computed in a layer, given δ of the layer above."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import hidden_delta, output_delta
from verifier.diagnosis.budget import numbers_of_trial
from verifier.diagnosis.bug import Bug, Flow, Place, Replacement
from verifier.diagnosis.bugs import BUGS
from verifier.diagnosis.layer import Delta, Layer, is_of_whole_network
from verifier.diagnosis.rules.hidden_delta import sent_down
from verifier.diagnosis.rules.output_delta import of_output


def right_delta(layer: Layer, above: Delta | None) -> Delta:
    """Return δ by the right rule. above: None in the last layer."""
    evidence = layer.evidence
    if above is None:
        flow = Flow(output_delta(evidence.problem, evidence.trace), of_output(_place(layer, None)))
        return Delta(flow, right=True)
    delta = hidden_delta(evidence.problem, evidence.trace, layer.index, above.flow.delta)
    return Delta(Flow(delta, sent_down(_place(layer, above.flow))), right=above.right)


def wrong_deltas(layer: Layer, above: Delta | None) -> Iterator[Delta]:
    """Yield δ by every wrong rule, with unknowns estimated from the layer's gradients."""
    place = _place(layer, None if above is None else above.flow)
    equation = "output_delta" if above is None else "hidden_delta"
    with np.errstate(all="ignore"):
        upstream = of_output(place) if above is None else sent_down(place)
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


def _perturbed(layer: Layer, place: Place) -> Place:
    """Perturb the network's outputs by their rounding error, with alternating sign, as −y/p magnifies it."""
    trace = place.trace
    sign = np.where(np.arange(trace.outputs.size).reshape(trace.outputs.shape) % 2, 1.0, -1.0)
    factor = 1.0 + layer.evidence.relative_rounding * sign
    perturbed = replace(
        trace, a=(*trace.a[:-1], trace.a[-1] * factor), z=(*trace.z[:-1], trace.z[-1] * factor)
    )
    return replace(place, trace=perturbed)


def _estimated(
    layer: Layer, bug: Bug, candidate: Replacement, right_upstream: Array, equation: str
) -> Delta | None:
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
    whole = is_of_whole_network(bug, equation)
    listed_equation = bug.equation if whole else equation
    return Delta(
        Flow(value, upstream),
        bug,
        estimates=estimates,
        unknowns=unknowns,
        equation=listed_equation,
        whole=whole,
    )


def _amount(layer: Layer, value: Array, direction: Array) -> float | None:
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


def _place(layer: Layer, above: Flow | None) -> Place:
    evidence = layer.evidence
    place = Place(
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
