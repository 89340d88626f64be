"""How each example's loss responds when one unit moves: the black box that differences look into.

Since ∂a_j/∂w_ij = z_i exactly, the responses δ of all units give the gradient of every weight. Moving one
unit changes the next layer by a rank-one update, and units and examples batch into one array.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from reference_impl.activations import Kink
from reference_impl.array import Array
from reference_impl.network import Trace
from reference_impl.problem import Problem, example_losses

CHUNK = 1 << 16  # numbers in one intermediate array: 512 kB of float64, half a core's cache

_FEW_ROWS = 8  # of fewer, a product costs its call
_SMALL_PRODUCT = 1 << 18  # multiplications, up to which OpenBLAS starts no threads to be waited for


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


def responses(
    problem: Problem, trace: Trace, layer: int, count: int, sides: int, moves: Callable[[slice], Moves]
) -> Iterator[Responses]:
    """Make `count` moves in `layer`, each from the unmoved network, in chunks that fit the cache."""
    for chunk in chunks_of(problem, layer, count, sides, CHUNK):
        yield responded(problem, trace, layer, chunk, moves(chunk))


def chunks_of(problem: Problem, layer: int, count: int, sides: int, numbers: int) -> Iterator[slice]:
    """Cut moves into chunks of which no intermediate array has more than so many numbers."""
    first = layer + _passes_on_alone(problem, layer)  # whose pre-activations are held for every move
    widest = max(own.weight.shape[1] for own in problem.parameters[first:])
    width = max(1, numbers // (sides * problem.batch.size * widest))
    for start in range(0, count, width):
        yield slice(start, min(start + width, count))


def moves_of(steps: Array, units: Array) -> Callable[[slice], Moves]:
    """Move each of some units of a layer in every example. Shapes: steps (sides, N, all units)."""
    return lambda chunk: Moves(units[chunk], steps[:, :, units[chunk]].transpose(0, 2, 1))


def _passes_on_alone(problem: Problem, layer: int) -> bool:
    """Whether a unit that moves changes the next layer by one row of its weights."""
    derivative = problem.network.layers[layer].activation.derivative
    return derivative is not None and layer < len(problem.parameters) - 1


def _activated(problem: Problem, index: int, a: Array) -> Array:
    z = problem.network.layers[index].activation.forward(a)
    return z * problem.batch.masks[index] if index in problem.batch.masks else z


def _times(outputs: Array, weight: Array) -> Array:
    """Multiply (sides, moves, N, in) by (in, out), in one thread of BLAS where products are small."""
    examples = outputs.shape[-2]
    if examples >= _FEW_ROWS and examples * weight.size <= _SMALL_PRODUCT:
        return np.asarray(outputs @ weight)
    found = outputs.reshape(-1, outputs.shape[-1]) @ weight
    return np.asarray(found.reshape(*outputs.shape[:-1], -1))


def _crosses(kink: Kink, a: Array) -> Array:
    """Whether a sign about a kink differs between the sides: (sides, moves, N, out) -> (moves, N)."""
    side = np.sign(a - kink.at)
    return np.asarray((side != side[:1]).any(axis=(0, -1)))


def responded(problem: Problem, trace: Trace, layer: int, chunk: slice, moves: Moves) -> Responses:
    """Make one chunk of moves."""
    a, z = trace.a, trace.z
    moved, which = moves.steps, moves.units
    sides, count, examples = moved.shape
    last = len(problem.parameters) - 1
    activation = problem.network.layers[layer].activation
    own = a[layer].T[which] + moved  # (sides, moves, N)
    smooth = np.ones((count, examples), dtype=bool)

    if _passes_on_alone(problem, layer):
        for kink in activation.kinks:
            smooth &= ~_crosses(kink, own[..., None])
        mask = problem.batch.masks[layer].T[which] if layer in problem.batch.masks else 1.0
        change = activation.forward(own) * mask - z[layer + 1].T[which]
        # dead weights must not turn an overflow of the change into NaN for units that do not see it
        rows = problem.parameters[layer + 1].weight[which][None, :, None, :]
        current = change[..., None] * rows
        current += a[layer + 1]
        index = layer + 1
    else:
        current = np.broadcast_to(a[layer], (sides, count, *a[layer].shape)).astype(own.dtype)
        current[:, np.arange(count), :, which] = np.moveaxis(own, 1, 0)
        index = layer
    while True:
        for kink in problem.network.layers[index].activation.kinks:
            smooth &= ~_crosses(kink, current)
        outputs = _activated(problem, index, current)
        if index == last:
            losses = example_losses(problem, current, outputs)
            return Responses(chunk, losses, smooth)
        index += 1
        parameters = problem.parameters[index]
        current = _times(outputs, parameters.weight)
        if parameters.bias is not None:
            current += parameters.bias
