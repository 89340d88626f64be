"""How each example's loss responds when one unit's pre-activation moves: the black box that differences
and complex steps look into.

Since ∂a_j/∂w_ij = z_i exactly, the responses δ of all units give the gradient of every weight. Moving one
unit changes the next layer by a rank-one update, and units and examples batch into one array.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from reference_impl.activation import Activation, Kink
from reference_impl.array import Array
from reference_impl.problem import Problem

CHUNK = 1 << 20  # numbers in one intermediate array: 8 MB of float64, about a core's share of cache


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How a network is evaluated: on stable reals, or on formulas over complex numbers.

    activate: (activation, a) -> z. example_losses: (problem, a, outputs) -> losses.
    crosses: (kink, pre-activations (sides, moves, N, out)) -> whether any reached the kink, (moves, N).
    """

    activate: Callable[[Activation, Array], Array]
    example_losses: Callable[[Problem, Array, Array], Array]
    crosses: Callable[[Kink, Array], Array]


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Perturbations of one layer, each of one unit. units: (moves,). steps: (sides, moves, N), added to a."""

    units: Array
    steps: Array


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """What some of the moves did. losses: (sides, moves, N). smooth: (moves, N), no kink was reached."""

    moves: slice
    losses: Array
    smooth: Array


def run(problem: Problem, arithmetic: Arithmetic) -> tuple[list[Array], list[Array]]:
    """Run the batch forward in the given arithmetic: a of every layer, and z with the inputs first."""
    preactivations: list[Array] = []
    activations: list[Array] = [problem.batch.inputs]
    for index, own in enumerate(problem.parameters):
        a = activations[-1] @ own.weight
        a = a if own.bias is None else a + own.bias
        preactivations.append(a)
        activations.append(_activated(problem, arithmetic, index, a))
    return preactivations, activations


def responses(
    problem: Problem,
    a: list[Array],
    z: list[Array],
    layer: int,
    count: int,
    sides: int,
    moves: Callable[[slice], Moves],
    arithmetic: Arithmetic,
) -> Iterator[Responses]:
    """Make `count` moves in `layer`, each from the unmoved network, in chunks that fit the cache."""
    widest = max(own.weight.shape[1] for own in problem.parameters[layer:])
    width = max(1, CHUNK // (sides * problem.batch.size * widest))
    for first in range(0, count, width):
        chunk = slice(first, min(first + width, count))
        yield _responses(problem, a, z, layer, chunk, moves(chunk), arithmetic)


def every_unit(steps: Array) -> Callable[[slice], Moves]:
    """Move each unit of a layer in every example. Shapes: steps (sides, N, units)."""
    return lambda chunk: Moves(np.arange(chunk.start, chunk.stop), np.moveaxis(steps[:, :, chunk], -1, 1))


def _activated(problem: Problem, arithmetic: Arithmetic, index: int, a: Array) -> Array:
    z = arithmetic.activate(problem.network.layers[index].activation, a)
    return z * problem.batch.masks[index] if index in problem.batch.masks else z


def _responses(
    problem: Problem,
    a: list[Array],
    z: list[Array],
    layer: int,
    chunk: slice,
    moves: Moves,
    arithmetic: Arithmetic,
) -> Responses:
    moved, which = moves.steps, moves.units
    sides, count, examples = moved.shape
    last = len(problem.parameters) - 1
    activation = problem.network.layers[layer].activation
    own = a[layer].T[which] + moved  # (sides, moves, N)
    smooth = np.ones((count, examples), dtype=bool)

    if activation.derivative is not None and layer < last:
        for kink in activation.kinks:
            smooth &= ~arithmetic.crosses(kink, own[..., None])
        mask = problem.batch.masks[layer].T[which] if layer in problem.batch.masks else 1.0
        change = arithmetic.activate(activation, own) * mask - z[layer + 1].T[which]
        # dead weights must not turn an overflow of the change into NaN for units that do not see it
        rows = problem.parameters[layer + 1].weight[which][None, :, None, :]
        current = a[layer + 1] + change[..., None] * rows
        index = layer + 1
    else:
        current = np.broadcast_to(a[layer], (sides, count, *a[layer].shape)).astype(own.dtype)
        current[:, np.arange(count), :, which] = np.moveaxis(own, 1, 0)
        index = layer
    while True:
        for kink in problem.network.layers[index].activation.kinks:
            smooth &= ~arithmetic.crosses(kink, current)
        outputs = _activated(problem, arithmetic, index, current)
        if index == last:
            losses = arithmetic.example_losses(problem, current, outputs)
            return Responses(chunk, losses, smooth)
        index += 1
        parameters = problem.parameters[index]
        current = outputs.reshape(-1, outputs.shape[-1]) @ parameters.weight
        current = current.reshape(*outputs.shape[:-1], -1)
        current = current if parameters.bias is None else current + parameters.bias
