"""Slopes of a network's parts by steps along the imaginary axis, and how a tangent passes through them.

Im f(x + ih) is so small beside f's real part that it answers in proportion to h, exactly to rounding: the
slope of each unit is asked for once, and a tangent of any size is a multiple of it. Only textbook formulas
over complex numbers are evaluated; neither the derivatives nor the stable real forms of the reference are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem, terms_of_last_layer
from verifier.complex_field import COMPLEX
from verifier.engine.functions.formulas import function_formula, loss_formula

STEP = 2.0**-100  # its square vanishes beside 1, and no derivative of interest underflows
_CHUNK = 1 << 18  # complex numbers in one intermediate array


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """One layer's slope at the unmoved network.

    of_units: (N, out), where g acts on each unit alone. of_rows: (N, out, out), ∂z_k/∂a_j at [n, j, k], where
    it acts on whole rows; the other is None. Masks are multiplied in.
    at_kink: (N, out), units exactly at a kink, where one step sees one side only.
    """

    of_units: Array | None
    of_rows: Array | None
    at_kink: Array

    def passed(self, tangents: Array) -> Array:
        """Give the tangents of z. Shapes: (moves, N, out), of a."""
        if self.of_rows is not None:
            return np.asarray((tangents.swapaxes(0, 1) @ self.of_rows).swapaxes(0, 1))
        assert self.of_units is not None
        passed = tangents * self.of_units
        if np.isfinite(self.of_units).all():
            return np.asarray(passed)
        return np.where(tangents == 0, 0.0, passed)  # what does not move has no overflow to pass on

    def passed_unit(self, units: slice) -> Array:
        """Give the tangents of z, (moves, N, out), of moves by 1 of each of some units."""
        if self.of_rows is not None:
            return np.asarray(self.of_rows[:, units].swapaxes(0, 1))
        assert self.of_units is not None
        count = units.stop - units.start
        found = np.zeros((count, *self.of_units.shape))
        index = np.arange(count)
        found[index, :, index + units.start] = self.of_units.T[units]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """The unmoved network. z: of every layer, the inputs first. loss: (N, out), the slope of each example's
    loss, without its factor, by the last pre-activation, or by the output where `of_preactivation` is False.
    """

    z: tuple[Array, ...]
    layers: tuple[Slopes, ...]
    loss: Array
    of_preactivation: bool


def linearise(problem: Problem) -> Linearised:
    """Run the batch forward on formulas, and ask every part for its slope."""
    z = [np.asarray(problem.batch.inputs)]
    layers: list[Slopes] = []
    a = z[0]
    for index, (layer, own) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        a = z[-1] @ own.weight
        a = a if own.bias is None else a + own.bias
        activation = layer.activation
        mask = problem.batch.masks.get(index)
        at_kink = np.zeros(a.shape, dtype=bool)
        for kink in activation.kinks:
            at_kink |= a == kink.at
        if activation.derivative is not None:
            answer = function_formula(activation, COMPLEX, a + 1j * STEP)
            value, slope = answer.real, answer.imag / STEP
            layers.append(Slopes(slope if mask is None else slope * mask, None, at_kink))
        else:
            value = function_formula(activation, COMPLEX, a)
            rows = _row_slopes(partial(function_formula, activation, COMPLEX), a)
            layers.append(Slopes(None, rows if mask is None else rows * mask[:, None, :], at_kink))
        z.append(value if mask is None else value * mask)
    terms, of_preactivation = terms_of_last_layer(problem)
    targets = problem.batch.targets

    def losses(moved: Array) -> Array:
        return np.asarray(loss_formula(terms, COMPLEX, moved, targets).sum(axis=-1, keepdims=True))

    loss = _row_slopes(losses, a if of_preactivation else z[-1])[:, :, 0]
    return Linearised(tuple(z), tuple(layers), loss, of_preactivation)


def responses(problem: Problem, found: Linearised, layer: int) -> Iterator[tuple[slice, Array, Array]]:
    """Give, for some units of a layer at a time, ∂ℓ/∂a without the loss's factor, and whether it is smooth.

    Shapes: both (N, units). Not smooth: a unit exactly at a kink moves.
    """
    widest = max(own.weight.shape[1] for own in problem.parameters[layer:])
    units = problem.parameters[layer].weight.shape[1]
    width = max(1, _CHUNK // (problem.batch.size * widest))
    for first in range(0, units, width):
        chunk = slice(first, min(first + width, units))
        yield (chunk, *_respond(problem, found, layer, chunk))


def _respond(problem: Problem, found: Linearised, layer: int, units: slice) -> tuple[Array, Array]:
    last = len(problem.parameters) - 1
    own = found.layers[layer]
    smooth = ~own.at_kink[:, units].T
    if own.of_units is not None and layer < last:  # the next layer moves along one row of its weights
        rows = problem.parameters[layer + 1].weight[units]
        tangents = own.of_units.T[units][..., None] * rows[:, None, :]
    elif layer == last and found.of_preactivation:
        return found.loss[:, units], smooth.T
    else:
        moved = own.passed_unit(units)
        if layer == last:
            return (moved * found.loss).sum(axis=-1).T, smooth.T
        tangents = _through_weights(moved, problem.parameters[layer + 1].weight)
    index = layer + 1
    while True:
        slopes = found.layers[index]
        if slopes.at_kink.any():
            smooth &= ~(slopes.at_kink & (tangents != 0)).any(axis=-1)
        if index == last:
            moved = tangents if found.of_preactivation else slopes.passed(tangents)
            return np.einsum("mnk,nk->nm", moved, found.loss), smooth.T
        index += 1
        tangents = _through_weights(slopes.passed(tangents), problem.parameters[index].weight)


def _through_weights(tangents: Array, weight: Array) -> Array:
    flat = tangents.reshape(-1, tangents.shape[-1]) @ weight
    return np.asarray(flat.reshape(*tangents.shape[:-1], -1))


def _row_slopes(answer: Callable[[Array], Array], x: Array) -> Array:
    """Give ∂answer_k/∂x_j at [n, j, k] for a function of rows, x of shape (N, in)."""
    width = x.shape[1]
    at_once = max(1, _CHUNK // max(1, x.size))
    found = []
    for first in range(0, width, at_once):
        directions = np.eye(width)[first : first + at_once]
        moved = x[None] + 1j * STEP * directions[:, None, :]
        found.append(answer(moved).imag / STEP)
    return np.concatenate(found).swapaxes(0, 1)
