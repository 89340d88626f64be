"""Slopes of a network's parts by imaginary steps, and the propagation of tangents through them.

Im f(x + ih) is so small beside the real part that it is proportional to h up to rounding. So the slope of
each unit is computed once, and multiplied by tangents of any size. Only textbook formulas over complex
numbers are evaluated, without the derivatives and stable real forms of the reference.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.engine.formulas import COMPLEX
from verifier.engine.functions.formulas import function_formula, loss_formula

STEP = 2.0**-100  # its square is 0 beside 1, and derivatives times it do not underflow
_CHUNK = 1 << 18  # complex numbers in one intermediate array


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Slopes of one layer at the unperturbed network, masks included.

    of_units: (N, out), where g acts on each unit alone; else None.
    of_rows: (N, out, out), ∂z_k/∂a_j at [n, j, k], where g acts on whole rows; else None.
    at_kink: (N, out), True for units exactly at a kink, where one step covers one side only.
    """

    of_units: Array | None
    of_rows: Array | None
    at_kink: Array

    def passed(self, tangents: Array) -> Array:
        """Return the tangents of z for tangents of a, (moves, N, out)."""
        if self.of_rows is not None:
            return np.asarray((tangents.swapaxes(0, 1) @ self.of_rows).swapaxes(0, 1))
        assert self.of_units is not None
        z_tangents = tangents * self.of_units
        if np.isfinite(self.of_units).all():
            return np.asarray(z_tangents)
        return np.where(tangents == 0, 0.0, z_tangents)  # a tangent of 0 stays 0 beside an infinite slope

    def passed_unit(self, units: slice) -> Array:
        """Return the tangents of z, (moves, N, out), for a tangent of 1 at each of `units`."""
        if self.of_rows is not None:
            return np.asarray(self.of_rows[:, units].swapaxes(0, 1))
        assert self.of_units is not None
        count = units.stop - units.start
        tangents = np.zeros((count, *self.of_units.shape))
        index = np.arange(count)
        tangents[index, :, index + units.start] = self.of_units.T[units]
        return tangents


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """The network linearised at the unperturbed batch.

    z: of every layer, the inputs first.
    loss: (N, out), the slope of each example's loss, without its factor, by the last pre-activation if
    `of_preactivation`, else by the output.
    loss_at_kink: (N,), True for examples with a term of the loss exactly at a kink.
    """

    z: tuple[Array, ...]
    layers: tuple[Slopes, ...]
    loss: Array
    of_preactivation: bool
    loss_at_kink: Array


def linearise(problem: Problem) -> Linearised:
    """Run the batch forward on formulas, and return the slope of every part."""
    z = [np.asarray(problem.batch.inputs)]
    layers: list[Slopes] = []
    a = z[0]
    for index, (layer, parameters) in enumerate(zip(problem.network.layers, problem.parameters, strict=True)):
        a = z[-1] @ parameters.weight
        a = a if parameters.bias is None else a + parameters.bias
        activation = layer.activation
        mask = problem.batch.masks.get(index)
        at_kink = np.zeros(a.shape, dtype=bool)
        for kink in activation.kinks:
            at_kink |= a == kink.at
        if activation.derivative is not None:
            perturbed = function_formula(activation, COMPLEX, a + 1j * STEP)
            value, slope = perturbed.real, perturbed.imag / STEP
            layers.append(Slopes(slope if mask is None else slope * mask, None, at_kink))
        else:
            value = function_formula(activation, COMPLEX, a)
            row_slopes = _row_slopes(partial(function_formula, activation, COMPLEX), a)
            layers.append(
                Slopes(None, row_slopes if mask is None else row_slopes * mask[:, None, :], at_kink)
            )
        z.append(value if mask is None else value * mask)
    terms, of_preactivation = problem.terms, problem.of_preactivation
    targets = problem.batch.targets

    def losses(point: Array) -> Array:
        return np.asarray(loss_formula(terms, COMPLEX, point, targets).sum(axis=-1, keepdims=True))

    loss = _row_slopes(losses, a if of_preactivation else z[-1])[:, :, 0]
    loss_at_kink = np.asarray(terms.at_kink(z[-1], targets, np.zeros(z[-1].shape)).any(axis=-1))
    return Linearised(tuple(z), tuple(layers), loss, of_preactivation, loss_at_kink)


def responses(problem: Problem, linearised: Linearised, layer: int) -> Iterator[tuple[slice, Array, Array]]:
    """Yield ∂ℓ/∂a, without the loss's factor, for some units of a layer at a time.

    Yields: the units, the slopes (N, units), and a mask (N, units), False where a unit exactly at a kink
    moves.
    """
    widest = max(parameters.weight.shape[1] for parameters in problem.parameters[layer:])
    units = problem.parameters[layer].weight.shape[1]
    width = max(1, _CHUNK // (problem.batch.size * widest))
    for first in range(0, units, width):
        chunk = slice(first, min(first + width, units))
        yield (chunk, *_unit_slopes(problem, linearised, layer, chunk))


def _unit_slopes(problem: Problem, linearised: Linearised, layer: int, units: slice) -> tuple[Array, Array]:
    last = len(problem.parameters) - 1
    slopes = linearised.layers[layer]
    smooth = ~slopes.at_kink[:, units].T & ~linearised.loss_at_kink
    if slopes.of_units is not None and layer < last:  # the next layer changes along one row of its weights
        rows = problem.parameters[layer + 1].weight[units]
        tangents = slopes.of_units.T[units][..., None] * rows[:, None, :]
    elif layer == last and linearised.of_preactivation:
        return linearised.loss[:, units], smooth.T
    else:
        z_tangents = slopes.passed_unit(units)
        if layer == last:
            return (z_tangents * linearised.loss).sum(axis=-1).T, smooth.T
        tangents = _times_weight(z_tangents, problem.parameters[layer + 1].weight)
    index = layer + 1
    while True:
        next_slopes = linearised.layers[index]
        if next_slopes.at_kink.any():
            smooth &= ~(next_slopes.at_kink & (tangents != 0)).any(axis=-1)
        if index == last:
            z_tangents = tangents if linearised.of_preactivation else next_slopes.passed(tangents)
            return np.einsum("mnk,nk->nm", z_tangents, linearised.loss), smooth.T
        index += 1
        tangents = _times_weight(next_slopes.passed(tangents), problem.parameters[index].weight)


def _times_weight(tangents: Array, weight: Array) -> Array:
    flat = tangents.reshape(-1, tangents.shape[-1]) @ weight
    return np.asarray(flat.reshape(*tangents.shape[:-1], -1))


def _row_slopes(function: Callable[[Array], Array], x: Array) -> Array:
    """Return ∂function_k/∂x_j at [n, j, k] for a function of rows, x of shape (N, in)."""
    width = x.shape[1]
    chunk = max(1, _CHUNK // max(1, x.size))
    slopes = []
    for first in range(0, width, chunk):
        directions = np.eye(width)[first : first + chunk]
        points = x[None] + 1j * STEP * directions[:, None, :]
        slopes.append(function(points).imag / STEP)
    return np.concatenate(slopes).swapaxes(0, 1)
