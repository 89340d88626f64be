"""A function that is known by its values alone, differentiated: by differences, and by complex steps.

Both give its pull-back, Σ_k ḡ_k ∂f_k/∂x_i, entry by entry with its error. Where the slopes on both sides of
an entry differ, at a kink, every slope between them is right.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.differences import RELATIVE_STEP
from verifier.differences import slopes as central
from verifier.estimate import Estimate

Function = Callable[..., Any]
_SIDES = np.array([1.0, -1.0, 2.0, -2.0])
_ROUNDINGS = 2.0**-48  # relative: what a function of a few operations may lose of its value
_STEP = 2.0**-100
_TRUNCATED = 2.0**-150  # h² f‴ is smaller, and no slope here is that is none
_STAYS = 0.75  # of a kink's jump of slopes stays where the step is halved; half of what bends smoothly does
_LEAST_JUMP = 2.0**-14  # relative to the slopes


@dataclass(frozen=True, slots=True, eq=False)
class PullBack:
    """By place of the argument. scale: Σ of the absolute contributions to each entry."""

    estimates: Mapping[int, Estimate]
    scale: Mapping[int, Array]


def by_differences(
    function: Function, arguments: Sequence[Array], places: Sequence[int], upstream: Array
) -> PullBack:
    """Move every entry to both sides, twice. function: may raise, or give other shapes, where it is moved."""
    middle = np.asarray(function(*arguments), dtype=np.float64).ravel()
    weights = upstream.ravel()
    estimates, scale = {}, {}
    for place in places:
        shape = arguments[place].shape
        value, error = np.full(arguments[place].size, np.nan), np.full(arguments[place].size, np.inf)
        kinked, sizes = np.zeros(arguments[place].size), np.zeros(arguments[place].size)
        for entry, at in enumerate(arguments[place].ravel()):
            steps = at + _SIDES * RELATIVE_STEP * max(1.0, abs(at)) - at
            sides = [_moved(function, arguments, place, entry, step) for step in steps]
            found = np.array([np.full(middle.size, np.nan) if s is None else s.ravel() for s in sides])
            if found.shape != (len(_SIDES), middle.size) or not np.isfinite(found).all():
                continue
            slope, lost, jump = _slopes(found, middle, steps)
            value[entry], error[entry] = weights @ slope, np.abs(weights) @ lost
            kinked[entry], sizes[entry] = np.abs(weights) @ jump, np.abs(weights) @ np.abs(slope)
        slopes = kinked.reshape(shape) if kinked.any() else None
        estimates[place] = Estimate(value.reshape(shape), error.reshape(shape), slopes)
        scale[place] = sizes.reshape(shape)
    return PullBack(estimates, scale)


def _slopes(found: Array, middle: Array, steps: Array) -> tuple[Array, Array, Array]:
    """Give for each output the slope, its error, and half of its jump where a kink is exactly here."""
    largest = np.maximum(np.abs(found).max(axis=0), np.abs(middle))
    noise = _ROUNDINGS * largest
    slope, error = central(found[:3], middle, steps[:3, None], noise)
    one, two = steps[0], steps[2]
    right, left = (found[0] - middle) / one, (middle - found[1]) / -steps[1]
    far_right, far_left = (found[2] - middle) / two, (middle - found[3]) / -steps[3]
    jump, far = np.abs(right - left), np.abs(far_right - far_left)
    rounded = 4.0 * noise / one
    size = np.maximum(np.abs(right), np.abs(left))
    kinked = (jump > _STAYS * far) & (jump > _LEAST_JUMP * size) & (jump > 8.0 * rounded)
    # one-sided slopes to second order, which leave the step's square
    right, left = 2.0 * right - far_right, 2.0 * left - far_left
    lost = np.abs(right - far_right) * RELATIVE_STEP + np.abs(left - far_left) * RELATIVE_STEP + 3.0 * rounded
    slope = np.where(kinked, 0.5 * (right + left), slope)
    still = (found == middle).all(axis=0)  # then nothing was rounded either
    error = np.where(kinked, lost, np.where(still, 0.0, error))
    return slope, error, np.where(kinked, 0.5 * np.abs(right - left), 0.0)


def by_complex_steps(
    function: Function, arguments: Sequence[Array], places: Sequence[int], upstream: Array
) -> PullBack | None:
    """Step along the imaginary axis; None where the function does not take, or keep, complex numbers."""
    middle = np.asarray(function(*arguments), dtype=np.float64)
    inner = np.abs(upstream).sum() * max(1.0, float(np.abs(middle).max(initial=0.0)))  # terms that may cancel
    estimates, scale = {}, {}
    for place in places:
        value, sizes = np.zeros(arguments[place].size), np.zeros(arguments[place].size)
        for entry in range(value.size):
            found = _moved(function, arguments, place, entry, 1j * _STEP)
            if found is None or found.dtype.kind != "c" or found.shape != middle.shape:
                return None
            if not np.allclose(found.real, middle, rtol=1e-9, atol=0.0):
                return None
            slope = found.imag / _STEP
            slope = np.where(np.abs(slope) < _TRUNCATED, 0.0, slope)
            value[entry], sizes[entry] = (upstream * slope).sum(), np.abs(upstream * slope).sum()
        shape = arguments[place].shape
        lost = np.where(sizes > 0, sizes + inner, 0.0)  # what does not move at all loses nothing
        error = (_ROUNDINGS * lost).reshape(shape)
        estimates[place] = Estimate(value.reshape(shape), error)
        scale[place] = sizes.reshape(shape)
    return PullBack(estimates, scale)


def _moved(
    function: Function, arguments: Sequence[Array], place: int, entry: int, step: complex
) -> Array | None:
    moved = [own.copy() for own in arguments]
    if isinstance(step, complex):
        moved[place] = moved[place].astype(np.complex128)
    moved[place].flat[entry] += step
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            found = np.asarray(function(*moved))
    except Exception:  # the function is somebody's, and may take real numbers alone
        return None
    return found if found.dtype.kind in "fciu" else None
