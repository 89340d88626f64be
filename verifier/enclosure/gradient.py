"""The δ recursion in interval arithmetic: an enclosure of the true gradient, entry by entry."""

from collections.abc import Callable, Sequence

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem, terms_of_last_layer
from verifier.by_rows import ALL
from verifier.enclosure.ball import Ball, Factors, exact, factors, plus, times, total, transpose
from verifier.enclosure.functions import pull_back, value
from verifier.engine.functions.loss_properties import loss_properties

Kinks = Sequence[Array]
Ready = Callable[[Ball, Ball], Factors]


@np.errstate(all="ignore")
def enclose_forward(problem: Problem, ready: Ready = factors) -> tuple[list[Ball], list[Ball]]:
    """Return enclosures of a and z of every layer; z starts with the inputs, which are exact.

    ready: the matrix product: `factors`, or `sharp_factors` if that is too wide.
    """
    a: list[Ball] = []
    z: list[Ball] = [exact(problem.batch.inputs)]
    for index, (layer, parameters) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        preactivation = ready(z[-1], exact(parameters.weight)).rows(ALL)
        if parameters.bias is not None:
            preactivation = plus(preactivation, exact(parameters.bias))
        a.append(preactivation)
        output = value(layer.activation, preactivation)
        if index in problem.batch.masks:
            output = times(output, exact(problem.batch.masks[index]))
        z.append(output)
    return a, z


def reached_kinks(problem: Problem, a: Sequence[Ball]) -> list[Array]:
    """Return by layer a mask, (N, out), of enclosed pre-activations that contain a kink."""
    masks = []
    for layer, interval in zip(problem.network.layers, a, strict=True):
        mask = np.zeros(interval.middle.shape, dtype=bool)
        for kink in layer.activation.kinks:
            mask |= ~(np.abs(interval.middle - kink.at) > interval.radius)
        masks.append(mask)
    return masks


@np.errstate(all="ignore")
def enclose_deltas(
    problem: Problem,
    a: Sequence[Ball],
    z: Sequence[Ball],
    kinks: Kinks | None = None,
    ready: Ready = factors,
) -> list[Ball]:
    """Return enclosures of δ = ∂R/∂a of every layer, of the data's loss without penalties.

    kinks: units and examples for which every slope of the subdifferential counts; the result then encloses
    the Clarke subdifferential. Without it each unit is taken on the side that float64 computes.
    """
    deltas = [_output_delta(problem, a, z, kinks)]
    for index in reversed(range(len(problem.parameters) - 1)):
        upstream = ready(deltas[-1], exact(problem.parameters[index + 1].weight.T)).rows(ALL)
        deltas.append(_delta_of(problem, index, a, upstream, kinks))
    return deltas[::-1]


@np.errstate(all="ignore")
def enclose_gradient(
    problem: Problem,
    a: Sequence[Ball],
    z: Sequence[Ball],
    kinks: Kinks | None = None,
    ready: Ready = factors,
) -> dict[str, Ball]:
    """Return enclosures of ∂R/∂w of the data's loss, by parameter; see `enclose_deltas`."""
    gradients: dict[str, Ball] = {}
    for index, delta in enumerate(enclose_deltas(problem, a, z, kinks, ready)):
        gradients[f"layers.{index}.weight"] = ready(transpose(z[index]), delta).rows(ALL)
        if problem.parameters[index].bias is not None:
            gradients[f"layers.{index}.bias"] = total(delta, axis=0)
    return gradients


def _delta_of(problem: Problem, index: int, a: Sequence[Ball], upstream: Ball, kinks: Kinks | None) -> Ball:
    if index in problem.batch.masks:
        upstream = times(upstream, exact(problem.batch.masks[index]))
    activation = problem.network.layers[index].activation
    return pull_back(activation, a[index], upstream, None if kinks is None else kinks[index])


def _output_delta(problem: Problem, a: Sequence[Ball], z: Sequence[Ball], kinks: Kinks | None) -> Ball:
    risk, batch = problem.risk, problem.batch
    terms, of_preactivation = terms_of_last_layer(problem)
    scale = risk.output_scale(batch.targets.shape[-1]) * risk.example_scale(batch.size)
    factor = Ball(np.asarray(scale), np.asarray(abs(scale) * 2.0**-51))  # up to three roundings
    point = a[-1] if of_preactivation else z[-1]
    slope = times(loss_properties(terms).enclose_gradient(point, batch.targets), factor)
    return slope if of_preactivation else _delta_of(problem, len(a) - 1, a, slope, kinks)
