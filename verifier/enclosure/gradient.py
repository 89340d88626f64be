"""The δ recursion in midpoint–radius arithmetic: an enclosure of the true gradient, entry by entry."""

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
    """Enclose a and z of every layer; z starts with the inputs, which are exact.

    ready: how matrices are multiplied; `factors`, or `sharp_factors` where that is too vague.
    """
    a: list[Ball] = []
    z: list[Ball] = [exact(problem.batch.inputs)]
    for index, (layer, own) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        preactivation = ready(z[-1], exact(own.weight)).rows(ALL)
        if own.bias is not None:
            preactivation = plus(preactivation, exact(own.bias))
        a.append(preactivation)
        activation = value(layer.activation, preactivation)
        if index in problem.batch.masks:
            activation = times(activation, exact(problem.batch.masks[index]))
        z.append(activation)
    return a, z


def reached_kinks(problem: Problem, a: Sequence[Ball]) -> list[Array]:
    """Say by layer where, (N, out), an enclosed pre-activation reaches a kink of its activation."""
    found = []
    for layer, ball in zip(problem.network.layers, a, strict=True):
        reached = np.zeros(ball.middle.shape, dtype=bool)
        for kink in layer.activation.kinks:
            reached |= ~(np.abs(ball.middle - kink.at) > ball.radius)
        found.append(reached)
    return found


@np.errstate(all="ignore")
def enclose_deltas(
    problem: Problem,
    a: Sequence[Ball],
    z: Sequence[Ball],
    kinks: Kinks | None = None,
    ready: Ready = factors,
) -> list[Ball]:
    """Enclose δ = ∂R/∂a of every layer, of the data's loss (penalties not included).

    kinks: units and examples at which every slope of the subdifferential counts; the result then encloses
    the Clarke subdifferential. Without it each unit is taken on the side that float64 saw it on.
    """
    found = [_output_delta(problem, a, z, kinks)]
    for index in reversed(range(len(problem.parameters) - 1)):
        upstream = ready(found[-1], exact(problem.parameters[index + 1].weight.T)).rows(ALL)
        found.append(_through(problem, index, a, upstream, kinks))
    return found[::-1]


@np.errstate(all="ignore")
def enclose_gradient(
    problem: Problem,
    a: Sequence[Ball],
    z: Sequence[Ball],
    kinks: Kinks | None = None,
    ready: Ready = factors,
) -> dict[str, Ball]:
    """Enclose ∂R/∂w of the data's loss, by parameter; see `enclose_deltas`."""
    found: dict[str, Ball] = {}
    for index, delta in enumerate(enclose_deltas(problem, a, z, kinks, ready)):
        found[f"layers.{index}.weight"] = ready(transpose(z[index]), delta).rows(ALL)
        if problem.parameters[index].bias is not None:
            found[f"layers.{index}.bias"] = total(delta, axis=0)
    return found


def _through(problem: Problem, index: int, a: Sequence[Ball], upstream: Ball, kinks: Kinks | None) -> Ball:
    if index in problem.batch.masks:
        upstream = times(upstream, exact(problem.batch.masks[index]))
    activation = problem.network.layers[index].activation
    return pull_back(activation, a[index], upstream, None if kinks is None else kinks[index])


def _output_delta(problem: Problem, a: Sequence[Ball], z: Sequence[Ball], kinks: Kinks | None) -> Ball:
    risk, batch = problem.risk, problem.batch
    terms, of_preactivation = terms_of_last_layer(problem)
    scale = risk.output_scale(batch.targets.shape[-1]) * risk.example_scale(batch.size)
    factor = Ball(np.asarray(scale), np.asarray(abs(scale) * 2.0**-51))  # up to three roundings
    at = a[-1] if of_preactivation else z[-1]
    slope = times(loss_properties(terms).enclose_gradient(at, batch.targets), factor)
    return slope if of_preactivation else _through(problem, len(a) - 1, a, slope, kinks)
