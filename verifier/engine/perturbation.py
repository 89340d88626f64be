"""Differences of the loss: its response to perturbed units, the step, and its error.

Since ∂a_j/∂w_ij = z_i exactly, the responses δ of all units give the gradient of every weight. A perturbed
unit changes the next layer by a rank-one update, and units and examples batch into one array.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from reference_impl.activations import Kink
from reference_impl.array import Array
from reference_impl.losses import NORMS, Penalty
from reference_impl.network import Trace
from reference_impl.problem import Problem, example_losses
from verifier.engine.estimate import Estimate
from verifier.problem.precision import PRECISIONS

RELATIVE_STEP = 2.0**-17  # the cube root of 2**-52, a power of two so that a ± h rounds little
SIDES = (1.0, -1.0, 2.0)  # evaluation points, in multiples of the step
SIDES_LOSE = 2.0**-50  # relative rounding error of the losses on both sides, for a loss of 0 at the middle


def central_difference(
    losses: Array, middle: Array | float, steps: Array, noise: Array | float
) -> tuple[Array, Array]:
    """Return (ℓ(h) − ℓ(−h)) / 2h and its error.

    losses, steps: the first axis has the points `SIDES`. middle: ℓ(0). noise: the error of each loss. The
    truncation error is ℓ‴ h²/6 to leading order. The estimate takes three times that, with h³ ℓ‴ from the
    third difference ℓ(2h) − 3 ℓ(h) + 3 ℓ(0) − ℓ(−h).
    """
    f_plus, f_minus, f_plus2 = losses
    width = steps[0] - steps[1]
    truncation = np.abs(f_plus2 - 3.0 * (f_plus - middle) - f_minus)
    roundoff = 2.0 * noise + SIDES_LOSE * (np.abs(f_plus) + np.abs(f_minus))
    return np.asarray((f_plus - f_minus) / width), np.asarray((truncation + roundoff) / width)


def penalty_differences(problem: Problem, penalty: Penalty) -> dict[str, Estimate]:
    """Return the derivative of a penalty along each of its weights, by central differences."""
    coefficient = penalty.coefficient(problem.batch.size)
    norm = NORMS[penalty.norm]
    estimates: dict[str, Estimate] = {}
    for index, layer in enumerate(problem.parameters):
        kinds = {"weight": layer.weight} | ({"bias": layer.bias} if penalty.biases else {})
        for kind, w in kinds.items():
            if w is None:
                continue
            h = RELATIVE_STEP * np.maximum(np.abs(w), 1.0)
            w_plus, w_minus = w + h, w - h
            difference = (norm.value(w_plus) - norm.value(w_minus)) / (w_plus - w_minus)
            unit = PRECISIONS["float64"].unit_roundoff
            error = unit * (4.0 * norm.value(np.abs(w) + h) / h + np.abs(difference))
            crosses_kink = np.sign(w_plus) != np.sign(w_minus) if penalty.norm == "l1" else False
            estimates[f"layers.{index}.{kind}"] = Estimate(
                coefficient * difference, np.where(crosses_kink, np.inf, abs(coefficient) * error)
            )
    return estimates


def unit_slopes(
    problem: Problem, trace: Trace, layer: int, units: Array, middle: Array, noise: Array
) -> Estimate:
    """Return the derivative of each example's loss along each unit of a layer, (N, out).

    units: those that are moved; the error of the others is infinite, as it is where a kink may lie between
    the two sides. middle, noise: each example's loss, and its rounding error, (N, 1).
    """
    a = trace.a[layer]
    h = RELATIVE_STEP * np.maximum(np.abs(a), 1.0)
    steps = (a + np.array(SIDES)[:, None, None] * h) - a  # the steps that are added after rounding
    value, error = np.zeros_like(a), np.full_like(a, np.inf)
    for chunk in responses(problem, trace, layer, len(units), len(SIDES), moves_of(steps, units)):
        moved = _moved_units(units, chunk.moves, a.shape[1])
        losses, unit_steps = chunk.losses.swapaxes(1, 2), steps[:, :, moved]
        value[:, moved], difference_error = central_difference(losses, middle, unit_steps, noise)
        error[:, moved] = np.where(chunk.smooth.T, difference_error, np.inf)
    return Estimate(value, error)


CHUNK = 1 << 16  # numbers in one intermediate array: 512 kB of float64, half a core's cache

_FEW_ROWS = 8  # rows; for fewer, a product costs less than its call
_SMALL_PRODUCT = 1 << 18  # multiplications, up to which OpenBLAS starts no threads


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Perturbations of one layer, each of one unit.

    units: (moves,), or a slice of all units. steps: (sides, moves, N), added to a.
    """

    units: Array | slice
    steps: Array


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """Results of some perturbations.

    losses: (sides, moves, N). smooth: (moves, N), True if no kink was crossed.
    """

    moves: slice
    losses: Array
    smooth: Array


def responses(
    problem: Problem, trace: Trace, layer: int, count: int, sides: int, moves: Callable[[slice], Moves]
) -> Iterator[Responses]:
    """Yield the responses to `count` perturbations in `layer`, in chunks that fit the cache."""
    for chunk in chunks_of(problem, layer, count, sides, CHUNK):
        yield responded(problem, trace, layer, chunk, moves(chunk))


def chunks_of(problem: Problem, layer: int, count: int, sides: int, numbers: int) -> Iterator[slice]:
    """Split perturbations into chunks whose intermediate arrays have at most `numbers` numbers."""
    # the first layer whose pre-activations are stored for every perturbation
    first = layer + _is_rank_one(problem, layer)
    widest = max(parameters.weight.shape[1] for parameters in problem.parameters[first:])
    width = max(1, numbers // (sides * len(problem.batch.inputs) * widest))
    for start in range(0, count, width):
        yield slice(start, min(start + width, count))


def moves_of(steps: Array, units: Array) -> Callable[[slice], Moves]:
    """Return a function from a chunk to perturbations of `units`. Shapes: steps (sides, N, all units)."""

    def moves(chunk: slice) -> Moves:
        moved = _moved_units(units, chunk, steps.shape[-1])
        return Moves(moved, steps[:, :, moved].transpose(0, 2, 1))

    return moves


def _moved_units(units: Array, chunk: slice, width: int) -> Array | slice:
    """Return an index of the units of a chunk; a slice if all units are moved, which copies nothing."""
    return chunk if len(units) == width else units[chunk]


def _is_rank_one(problem: Problem, layer: int) -> bool:
    """True if a perturbed unit changes the next layer by one row of its weights."""
    derivative = problem.network.layers[layer].activation.derivative
    return derivative is not None and layer < len(problem.parameters) - 1


def _activated(problem: Problem, index: int, a: Array) -> Array:
    activation = problem.network.layers[index].activation
    z = a if activation.name == "identity" else activation.forward(a)
    return z * problem.batch.masks[index] if index in problem.batch.masks else z


def _matmul(outputs: Array, weight: Array) -> Array:
    """Multiply (sides, moves, N, in) by (in, out), with BLAS in one thread if the products are small."""
    examples = outputs.shape[-2]
    if examples >= _FEW_ROWS and examples * weight.size <= _SMALL_PRODUCT:
        return np.asarray(outputs @ weight)
    product = outputs.reshape(-1, outputs.shape[-1]) @ weight
    return np.asarray(product.reshape(*outputs.shape[:-1], -1))


def _crosses(kink: Kink, a: Array) -> Array:
    """True if a kink lies between two sides: (sides, moves, N, out) -> (moves, N)."""
    side = np.sign(a - kink.at)
    return np.asarray((side != side[:1]).any(axis=(0, -1)))


def responded(problem: Problem, trace: Trace, layer: int, chunk: slice, moves: Moves) -> Responses:
    """Return the responses to one chunk of perturbations."""
    a, z = trace.a, trace.z
    steps, units = moves.steps, moves.units
    sides, count, examples = steps.shape
    last = len(problem.parameters) - 1
    activation = problem.network.layers[layer].activation
    perturbed = a[layer].T[units] + steps  # (sides, moves, N)
    smooth = np.ones((count, examples), dtype=bool)

    if _is_rank_one(problem, layer):
        for kink in activation.kinks:
            smooth &= ~_crosses(kink, perturbed[..., None])
        mask = problem.batch.masks[layer].T[units] if layer in problem.batch.masks else 1.0
        change = activation.forward(perturbed) * mask - z[layer + 1].T[units]
        # a weight of 0 must not turn an overflow of the change into NaN
        rows = problem.parameters[layer + 1].weight[units][None, :, None, :]
        current = change[..., None] * rows
        current += a[layer + 1]
        index = layer + 1
    else:
        current = np.broadcast_to(a[layer], (sides, count, *a[layer].shape)).astype(perturbed.dtype)
        moved = np.arange(current.shape[-1])[units]
        current[:, np.arange(count), :, moved] = np.moveaxis(perturbed, 1, 0)
        index = layer
    while True:
        for kink in problem.network.layers[index].activation.kinks:
            smooth &= ~_crosses(kink, current)
        outputs = _activated(problem, index, current)
        if index == last:
            losses = example_losses(problem, current, outputs)
            if problem.terms.kink_distance is not None:
                side = np.sign(problem.terms.kink_distance(outputs, problem.batch.targets))
                smooth &= ~np.asarray((side != side[:1]).any(axis=(0, -1)))
            return Responses(chunk, losses, smooth)
        index += 1
        parameters = problem.parameters[index]
        current = _matmul(outputs, parameters.weight)
        if parameters.bias is not None:
            current += parameters.bias
