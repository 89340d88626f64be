"""The δ recursion in midpoint–radius arithmetic: an enclosure of the true gradient, entry by entry."""

from collections.abc import Callable, Sequence

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem, terms_of_last_layer
from verifier.enclosure import balls
from verifier.enclosure.ball import Ball, exact, matmul, plus, times, total, transpose
from verifier.enclosure.functions import pull_back, value

Kinks = Sequence[Array]
Product = Callable[[Ball, Ball], Ball]


@np.errstate(all="ignore")
def enclose_forward(problem: Problem, product: Product = matmul) -> tuple[list[Ball], list[Ball]]:
    """Enclose a and z of every layer; z starts with the inputs, which are exact.

    product: of matrices; `matmul`, or `sharp_matmul` where that is too vague.
    """
    a: list[Ball] = []
    z: list[Ball] = [exact(problem.batch.inputs)]
    for index, (layer, own) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        preactivation = product(z[-1], exact(own.weight))
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
def enclose_gradient(
    problem: Problem,
    a: Sequence[Ball],
    z: Sequence[Ball],
    kinks: Kinks | None = None,
    product: Product = matmul,
) -> dict[str, Ball]:
    """Enclose ∂R/∂w of the data's loss (penalties not included), by parameter.

    kinks: units and examples at which every slope of the subdifferential counts; the result then encloses
    the Clarke subdifferential. Without it each unit is taken on the side that float64 saw it on.
    """
    found: dict[str, Ball] = {}
    delta = _output_delta(problem, a, z, kinks)
    for index in reversed(range(len(problem.parameters))):
        if index < len(problem.parameters) - 1:
            weight = problem.parameters[index + 1].weight
            upstream = product(delta, exact(weight.T))
            delta = _through(problem, index, a, upstream, kinks)
        found[f"layers.{index}.weight"] = product(transpose(z[index]), delta)
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
    slope = times(terms.gradient_in_balls(balls, at, batch.targets), factor)
    return slope if of_preactivation else _through(problem, len(a) - 1, a, slope, kinks)
