"""Differentiate a function without a formula by finite differences and by complex steps.

Both methods return the vector-Jacobian product Σ_k ḡ_k ∂f_k/∂x_i with an error for each entry. At a kink,
where the one-sided slopes differ, every slope between them is a correct subgradient.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.estimate import Estimate
from verifier.engine.perturbation import RELATIVE_STEP
from verifier.engine.perturbation import central_difference as central

Function = Callable[..., Any]
_SIDES = np.array([1.0, -1.0, 2.0, -2.0])
_ROUNDINGS = 2.0**-48  # rounding error of a function of a few operations, relative to its value
_STEP = 2.0**-100
_TRUNCATION = 2.0**-150  # bound on the truncation error h² f‴; nonzero slopes are larger
# If the step is halved, the difference of the one-sided slopes stays the same at a kink and is halved at a
# smooth point. At a kink it must stay above this fraction.
_KINK_FRACTION = 0.75
_LEAST_JUMP = 2.0**-14  # relative to the slopes


@dataclass(frozen=True, slots=True, eq=False)
class NumericalVjp:
    """Vector-Jacobian products by position of the argument.

    scale: sum of the absolute contributions to each entry.
    """

    estimates: Mapping[int, Estimate]
    scale: Mapping[int, Array]


def vjp_by_differences(
    function: Function, arguments: Sequence[Array], places: Sequence[int], upstream: Array
) -> NumericalVjp:
    """Return the vector-Jacobian products by finite differences with two step sizes.

    places: positions of the arguments to differentiate.
    An entry has an infinite error if the function raises or changes its shape near the arguments.
    """
    middle = np.asarray(function(*arguments), dtype=np.float64).ravel()
    weights = upstream.ravel()
    estimates, scale = {}, {}
    for place in places:
        shape = arguments[place].shape
        value, error = np.full(arguments[place].size, np.nan), np.full(arguments[place].size, np.inf)
        kinked, sizes = np.zeros(arguments[place].size), np.zeros(arguments[place].size)
        for entry, at in enumerate(arguments[place].ravel()):
            steps = at + _SIDES * RELATIVE_STEP * max(1.0, abs(at)) - at
            sides = [_value_at(function, arguments, place, entry, step) for step in steps]
            moved = np.array([np.full(middle.size, np.nan) if s is None else s.ravel() for s in sides])
            if moved.shape != (len(_SIDES), middle.size) or not np.isfinite(moved).all():
                continue
            slope, slope_error, jump = _slopes(moved, middle, steps)
            value[entry], error[entry] = weights @ slope, np.abs(weights) @ slope_error
            kinked[entry], sizes[entry] = np.abs(weights) @ jump, np.abs(weights) @ np.abs(slope)
        subgradient_radius = kinked.reshape(shape) if kinked.any() else None
        estimates[place] = Estimate(value.reshape(shape), error.reshape(shape), subgradient_radius)
        scale[place] = sizes.reshape(shape)
    return NumericalVjp(estimates, scale)


def _slopes(values: Array, middle: Array, steps: Array) -> tuple[Array, Array, Array]:
    """Return for each output the slope, its error, and half of its jump if the point is a kink.

    values: outputs at the four moved points, of shape (4, outputs).
    """
    largest = np.maximum(np.abs(values).max(axis=0), np.abs(middle))
    noise = _ROUNDINGS * largest
    slope, error = central(values[:3], middle, steps[:3, None], noise)
    one, two = steps[0], steps[2]
    right, left = (values[0] - middle) / one, (middle - values[1]) / -steps[1]
    far_right, far_left = (values[2] - middle) / two, (middle - values[3]) / -steps[3]
    jump, far = np.abs(right - left), np.abs(far_right - far_left)
    rounded = 4.0 * noise / one
    size = np.maximum(np.abs(right), np.abs(left))
    kinked = (jump > _KINK_FRACTION * far) & (jump > _LEAST_JUMP * size) & (jump > 8.0 * rounded)
    # one-sided slopes of second order, by Richardson extrapolation
    right, left = 2.0 * right - far_right, 2.0 * left - far_left
    kink_error = (
        np.abs(right - far_right) * RELATIVE_STEP + np.abs(left - far_left) * RELATIVE_STEP + 3.0 * rounded
    )
    slope = np.where(kinked, 0.5 * (right + left), slope)
    constant = (values == middle).all(axis=0)  # a constant output has no rounding error
    error = np.where(kinked, kink_error, np.where(constant, 0.0, error))
    return slope, error, np.where(kinked, 0.5 * np.abs(right - left), 0.0)


def vjp_by_complex_steps(
    function: Function, arguments: Sequence[Array], places: Sequence[int], upstream: Array
) -> NumericalVjp | None:
    """Return the vector-Jacobian products by complex steps; None if the function does not support them."""
    middle = np.asarray(function(*arguments), dtype=np.float64)
    # bound on intermediate terms that may cancel
    inner = np.abs(upstream).sum() * max(1.0, float(np.abs(middle).max(initial=0.0)))
    estimates, scale = {}, {}
    for place in places:
        value, sizes = np.zeros(arguments[place].size), np.zeros(arguments[place].size)
        for entry in range(value.size):
            moved = _value_at(function, arguments, place, entry, 1j * _STEP)
            if moved is None or moved.dtype.kind != "c" or moved.shape != middle.shape:
                return None
            if not np.allclose(moved.real, middle, rtol=1e-9, atol=0.0):
                return None
            slope = moved.imag / _STEP
            slope = np.where(np.abs(slope) < _TRUNCATION, 0.0, slope)
            value[entry], sizes[entry] = (upstream * slope).sum(), np.abs(upstream * slope).sum()
        shape = arguments[place].shape
        terms = np.where(sizes > 0, sizes + inner, 0.0)  # a constant output has no rounding error
        error = (_ROUNDINGS * terms).reshape(shape)
        estimates[place] = Estimate(value.reshape(shape), error)
        scale[place] = sizes.reshape(shape)
    return NumericalVjp(estimates, scale)


def _value_at(
    function: Function, arguments: Sequence[Array], place: int, entry: int, step: complex
) -> Array | None:
    moved = [array.copy() for array in arguments]
    if isinstance(step, complex):
        moved[place] = moved[place].astype(np.complex128)
    moved[place].flat[entry] += step
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            value = np.asarray(function(*moved))
    except Exception:  # the user's function may support only real numbers
        return None
    return value if value.dtype.kind in "fciu" else None
