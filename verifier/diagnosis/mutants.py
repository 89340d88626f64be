"""Compute mutants: the gradients that a program with one bug of the catalogue returns for a problem."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import (
    bias_gradient,
    gradients,
    hidden_delta,
    output_delta,
    penalty_gradient,
    weight_gradient,
)
from reference_impl.network import LayerParameters, Parameters, Trace, named
from reference_impl.problem import Problem
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.catalogue.bug import PRODUCTS, Bug, LayerContext, Replacement, UpstreamGradient
from verifier.diagnosis.catalogue.rules.hidden_delta import upstream_of
from verifier.diagnosis.catalogue.rules.output_delta import output_upstream
from verifier.diagnosis.layer import affects_whole_network

_CONSTANT = 0.7  # example of a factor that no other bug has
_KINDS = {equation: kind for kind, equation in PRODUCTS.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Mutant:
    """Gradients of a program with one form of a bug. layer: None if the bug affects the whole network."""

    bug: Bug
    layer: int | None
    equation: str
    estimates: Mapping[str, Any]
    gradients: Parameters


def mutants(problem: Problem, trace: Trace) -> Iterator[Mutant]:
    """Yield every bug in every layer and form that the network allows, with all other equations right.

    trace: the forward pass of this problem. Gradients include the penalties and may overflow.
    """
    right = gradients(problem, trace)
    with np.errstate(all="ignore"):
        for bug in BUGS.values():
            yield from _of_factors(bug, problem, trace, right)
            yield from _of_penalties(bug, problem, trace)
            yield from _of_changes(bug, right)
            for equation in bug.replaces:
                for layer in _layers_of(bug, equation, problem):
                    for replacement, flow in _replacements(bug, equation, problem, trace, layer, right):
                        yield Mutant(
                            bug,
                            *_place_of(bug, equation, problem, layer),
                            replacement.estimates,
                            _gradients_with(problem, trace, equation, layer, replacement, flow),
                        )


def _layers_of(bug: Bug, equation: str, problem: Problem) -> range:
    """Return the layers that have an equation; none if the mutant is one of the whole network."""
    count = len(problem.network.layers)
    if equation == "output_delta":
        return range(count - 1, count)
    if equation == "hidden_delta":
        return range(count - 1)
    is_made_as_whole = _is_of_penalty(bug) and bug.penalties is not None and count == 1
    return range(0 if is_made_as_whole else count)


def _place_of(bug: Bug, equation: str, problem: Problem, layer: int) -> tuple[int | None, str]:
    """Return the layer, None for the whole network, and the equation of a mutant."""
    if _is_of_penalty(bug):
        return layer if len(problem.network.layers) > 1 else None, bug.equation
    return None if affects_whole_network(bug, equation) else layer, equation


def _is_of_penalty(bug: Bug) -> bool:
    return bug.equation == "penalty"


def _of_factors(bug: Bug, problem: Problem, trace: Trace, right: Parameters) -> Iterator[Mutant]:
    values = bug.factors(problem) if bug.factors is not None else (_CONSTANT,) if bug.any_factor else ()
    last = len(problem.network.layers) - 1
    for factor in values:
        if bug.equation == "loss":
            wrong = _with_penalties(problem, trace, [factor] * (last + 1))
            yield Mutant(bug, None, "loss", {"factor": factor}, wrong)
        elif last > 0:
            wrong = _with_penalties(problem, trace, [factor] * last + [1.0])
            yield Mutant(bug, last - 1, "hidden_delta", {"factor": factor}, wrong)
    if bug.any_factor:
        for layer, layer_gradients in enumerate(right):
            scaled = LayerParameters(_CONSTANT * layer_gradients.weight, layer_gradients.bias)
            wrong = (*right[:layer], scaled, *right[layer + 1 :])
            yield Mutant(bug, layer, "weight_gradient", {"factor": _CONSTANT}, wrong)


def _with_penalties(problem: Problem, trace: Trace, factors: list[float]) -> Parameters:
    """Return the gradients with the loss's part of each layer multiplied by a factor."""
    bare = replace(problem, risk=replace(problem.risk, penalties=()))
    data = gradients(bare, trace)
    penalty_gradients = [penalty_gradient(problem, trace, index) for index in range(len(data))]
    return tuple(
        _added(loss_part, penalty, factor)
        for loss_part, penalty, factor in zip(data, penalty_gradients, factors, strict=True)
    )


def _added(data: LayerParameters, penalty: LayerParameters, factor: float = 1.0) -> LayerParameters:
    bias = None
    if data.bias is not None and penalty.bias is not None:
        bias = factor * data.bias + penalty.bias
    return LayerParameters(factor * data.weight + penalty.weight, bias)


def _of_penalties(bug: Bug, problem: Problem, trace: Trace) -> Iterator[Mutant]:
    if bug.penalties is None:
        return
    data = gradients(replace(problem, risk=replace(problem.risk, penalties=())), trace)
    for taken in bug.penalties(problem):
        for strength in taken.usual or (1.0,):
            scaled = tuple(replace(p, strength=p.strength * strength) for p in taken.scaled)
            risk = replace(problem.risk, penalties=(*taken.penalties, *scaled))
            wrong_problem = replace(problem, risk=risk)
            gradients_with_bug = tuple(
                _added(
                    LayerParameters(
                        taken.data_factor * layer_gradients.weight,
                        None
                        if layer_gradients.bias is None
                        else (taken.data_factor if taken.of_biases else 1.0) * layer_gradients.bias,
                    ),
                    penalty_gradient(wrong_problem, trace, index),
                )
                for index, layer_gradients in enumerate(data)
            )
            estimates = {**taken.estimates, **({taken.unknown: strength} if taken.unknown else {})}
            yield Mutant(bug, None, bug.equation, estimates, gradients_with_bug)


def _of_changes(bug: Bug, right: Parameters) -> Iterator[Mutant]:
    for changed in bug.changes(dict(named(right)), None) if bug.changes is not None else ():
        transformed = tuple(
            LayerParameters(
                changed.gradients[f"layers.{index}.weight"],
                None if layer_gradients.bias is None else changed.gradients[f"layers.{index}.bias"],
            )
            for index, layer_gradients in enumerate(right)
        )
        yield Mutant(bug, None, "numbers", changed.estimates, transformed)


def _replacements(
    bug: Bug, equation: str, problem: Problem, trace: Trace, layer: int, right: Parameters
) -> Iterator[tuple[Replacement, UpstreamGradient | None]]:
    """Yield the results of a wrong rule in one layer, given a right δ from above."""
    if equation == "bias_gradient" and problem.parameters[layer].bias is None:
        return
    flow = _flow_to(problem, trace, layer if equation in _KINDS else layer + 1)
    place = LayerContext(
        problem,
        trace,
        layer,
        above=flow if equation == "hidden_delta" else None,
        delta=flow.delta if equation in _KINDS and flow is not None else None,
        step=right[layer + 1].weight if equation == "hidden_delta" else None,
        penalties=tuple(penalty_gradient(problem, trace, k) for k in range(len(right))),
        gradients=right,
    )
    for replacement in bug.replaces[equation](place):
        if replacement.direction is None:
            yield replacement, flow
            continue
        for amount in replacement.usual:
            value = replacement.value + amount * replacement.direction
            estimates = {**replacement.estimates, replacement.unknown: amount}
            yield replace(replacement, value=value, estimates=estimates, direction=None), flow


def _flow_to(problem: Problem, trace: Trace, layer: int) -> UpstreamGradient | None:
    """Return the right δ and ∂R/∂z of a layer; None above the last layer."""
    last = len(problem.network.layers) - 1
    if layer > last:
        return None
    flow = UpstreamGradient(output_delta(problem, trace), output_upstream(LayerContext(problem, trace, last)))
    for index in reversed(range(layer, last)):
        upstream = upstream_of(LayerContext(problem, trace, index, above=flow))
        flow = UpstreamGradient(hidden_delta(problem, trace, index, flow.delta), upstream)
    return flow


def _gradients_with(
    problem: Problem,
    trace: Trace,
    equation: str,
    layer: int,
    replacement: Replacement,
    flow: UpstreamGradient | None,
) -> Parameters:
    """Return all gradients with one equation of one layer replaced."""
    right = gradients(problem, trace)
    if equation in _KINDS:
        penalty = penalty_gradient(problem, trace, layer)
        return tuple(
            _with_product(layer_gradients, penalty, _KINDS[equation], replacement)
            if index == layer
            else layer_gradients
            for index, layer_gradients in enumerate(right)
        )
    results, delta = list(right), replacement.value
    for index in reversed(range(layer + 1)):
        if index < layer:
            delta = hidden_delta(problem, trace, index, delta)
        results[index] = _layer_gradients(problem, trace, index, delta)
    return tuple(results)


def _layer_gradients(problem: Problem, trace: Trace, layer: int, delta: Array) -> LayerParameters:
    penalty = penalty_gradient(problem, trace, layer)
    weight = weight_gradient(problem, trace, layer, delta)
    bias = None if penalty.bias is None else bias_gradient(problem, trace, layer, delta)
    return _added(LayerParameters(weight, bias), penalty)


def _with_product(
    right: LayerParameters, penalty: LayerParameters, kind: str, replacement: Replacement
) -> LayerParameters:
    added = 0.0 if replacement.whole else getattr(penalty, kind)
    return replace(right, **{kind: replacement.value + added})
