"""Differentiate a function without a formula by finite differences and by complex steps.

Both methods return the vector-Jacobian product Σ_k ḡ_k ∂f_k/∂x_i with an error for each entry. The noise of
the function is measured, and steps and errors follow from it. At a kink, where the one-sided slopes differ,
every slope between them is a correct subgradient.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.engine.estimate import Estimate
from verifier.testing.operation_check.noise import measured_noise, typical_size

Function = Callable[..., Any]
NOISE_BOUND = 8.0  # standard deviations within which noise is taken to lie
_STEPS = 2.0 ** -np.arange(3.0, 16.0, 2.0)  # relative to the argument, from coarse to fine
_SMALL_STEPS = 2.0 ** -np.arange(17.0, 30.0, 2.0)  # near the end of a domain, and for narrow features
_VAGUE = 2.0**-9  # relative error above which smaller steps are tried
_LEAST_STEPS = 3
_SAFETY = 3.0  # on the estimated truncation error
_LIKELY = 3.0 / NOISE_BOUND  # of a bound on noise, where smaller steps contradict larger ones
_SLOWEST = 0.7  # ratio of successive distances at which a series still converges
_CONVERGENCE = 1 / 8  # of successive distances where the error falls with the square of the step: 1/16
_ASSUMED_NOISE = 2.0**-48  # relative, of a function whose noise cannot be measured
_MOST_NUMBERS = 2**22  # of one block of values
_ROUNDINGS = 2.0**-48  # rounding error of complex steps, relative to the terms of the sum
_COMPLEX_STEP = 2.0**-100
_TRUNCATION = 2.0**-150  # bound on the truncation error h² f‴; nonzero slopes are larger
# If the step is a quarter, the difference of the one-sided slopes stays the same at a kink, is a quarter at a
# smooth point and four times as large at a jump of the function.
_KINK_RATIOS = (0.6, 1.6)
_LEAST_JUMP = 2.0**-14  # of the slopes at a kink, relative to the slopes
_RESOLVED = 8.0  # times the noise of a one-sided slope that a jump must have


@dataclass(frozen=True, slots=True, eq=False)
class NumericalVjp:
    """Vector-Jacobian products by position of the argument.

    scale: sum of the absolute contributions to each entry.
    """

    estimates: Mapping[int, Estimate]
    scale: Mapping[int, Array]


@contextmanager
def _quiet() -> Iterator[None]:
    """Let numbers outside the domain be not finite, and refuse to drop an imaginary part."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        yield


@_quiet()
def vjp_by_differences(
    function: Function,
    arguments: Sequence[Array],
    places: Sequence[int],
    upstream: Array,
    entries: Mapping[int, Array] | None = None,
) -> NumericalVjp:
    """Return the vector-Jacobian products by finite differences with several step sizes.

    An entry has an infinite error if the function raises or changes its shape near the arguments.

    places: positions of the arguments to differentiate.
    entries: by place, flat indices of the entries to differentiate; all of them by default.
    """
    middle = np.asarray(function(*arguments)).astype(np.float64).ravel()
    weights = upstream.ravel()
    noise = function_noise(function, arguments, places)
    estimates, scale = {}, {}
    for place in places:
        argument = arguments[place]
        chosen = np.arange(argument.size) if entries is None else entries[place]
        value, error = np.full(argument.size, np.nan), np.full(argument.size, np.inf)
        kinked, sizes = np.zeros(argument.size), np.zeros(argument.size)
        block = max(1, _MOST_NUMBERS // (2 * len(_STEPS) * max(1, middle.size)))
        for start in range(0, len(chosen), block):
            part = chosen[start : start + block]
            slopes = _slopes_of(function, arguments, place, part, middle, noise)
            known = np.isfinite(slopes.error).all(axis=1)
            value[part] = np.where(known, np.nan_to_num(slopes.value) @ weights, np.nan)
            error[part] = np.where(known, np.nan_to_num(slopes.error) @ np.abs(weights), np.inf)
            kinked[part] = np.where(known, slopes.jump @ np.abs(weights), 0.0)
            sizes[part] = np.abs(np.nan_to_num(slopes.value)) @ np.abs(weights)
        subgradient_radius = kinked.reshape(argument.shape) if kinked.any() else None
        estimates[place] = Estimate(
            value.reshape(argument.shape), error.reshape(argument.shape), subgradient_radius
        )
        scale[place] = sizes.reshape(argument.shape)
    return NumericalVjp(estimates, scale)


def derivative_along(
    function: Function, arguments: Sequence[Array], place: int, direction: Array, upstream: Array
) -> tuple[float, float]:
    """Return Σ_k ḡ_k times the derivative of f_k along a direction in one argument, and its error."""
    start = arguments[place]

    def along(step: Array) -> Any:
        moved = list(arguments)
        moved[place] = start + float(step[0]) * direction
        return function(*moved)

    answer = vjp_by_differences(along, [np.zeros(1)], [0], upstream).estimates[0]
    return float(answer.value[0]), float(answer.half_width[0])


@_quiet()
def function_noise(function: Function, arguments: Sequence[Array], places: Sequence[int]) -> Array:
    """Return a bound on the noise of each number of a function's value.

    Where the noise cannot be measured, it is that of a few operations in float64.
    """
    raw = np.asarray(function(*arguments))
    unit = float(np.finfo(raw.dtype).eps) if raw.dtype.kind == "f" else 0.0

    def value(moved: Sequence[Array]) -> Array | None:
        array = _call(function, moved)
        return None if array is None or array.dtype.kind == "c" else array.astype(np.float64).ravel()

    deviation = measured_noise(value, arguments, places, unit)
    if deviation is None or deviation.size != raw.size:
        return _ASSUMED_NOISE * np.abs(raw.astype(np.float64).ravel())
    return NOISE_BOUND * deviation


@dataclass(frozen=True, slots=True, eq=False)
class _NumericalSlopes:
    """Slopes of all outputs along some entries, of shape (entries, outputs).

    jump: half of the distance of the one-sided slopes at a kink, 0 elsewhere.
    """

    value: Array
    error: Array
    jump: Array


def _slopes_of(
    function: Function, arguments: Sequence[Array], place: int, part: Array, middle: Array, noise: Array
) -> _NumericalSlopes:
    """Return the slopes along entries of one argument; smaller steps improve those that are vague."""
    size = typical_size(arguments[place]).ravel()[part]
    slopes = _at_steps(function, arguments, place, part, middle, noise, size[:, None] * _STEPS, True)
    largest = np.abs(np.nan_to_num(slopes.value)).max(axis=1, initial=0.0, keepdims=True)
    vague = ~(slopes.error <= _VAGUE * largest).all(axis=1)
    if not vague.any():
        return slopes
    steps = size[vague, None] * _SMALL_STEPS
    finer = _at_steps(function, arguments, place, part[vague], middle, noise, steps, False)
    better = finer.error < slopes.error[vague]
    for whole, fresh in (
        (slopes.value, finer.value),
        (slopes.jump, finer.jump),
        (slopes.error, finer.error),
    ):
        whole[vague] = np.where(better, fresh, whole[vague])
    return slopes


def _at_steps(
    function: Function,
    arguments: Sequence[Array],
    place: int,
    part: Array,
    middle: Array,
    noise: Array,
    steps: Array,
    steps_are_large: bool,
) -> _NumericalSlopes:
    """Return the slopes from values at these steps, of shape (entries, steps), from coarse to fine."""
    flat = arguments[place].ravel()
    above = np.full((len(part), steps.shape[1], middle.size), np.nan)
    below = above.copy()
    exact = np.empty((2, *steps.shape))  # the distances between the numbers that were really used
    for row, entry in enumerate(part):
        for column, step in enumerate(steps[row]):
            for side, (sign, values) in enumerate(((1.0, above), (-1.0, below))):
                moved_to = flat[entry] + sign * step
                exact[side, row, column] = sign * (moved_to - flat[entry])
                value = _value_at(function, arguments, place, int(entry), moved_to)
                if value is not None and value.size == middle.size and value.dtype.kind != "c":
                    values[row, column] = value.ravel()
    return _slopes(above, below, middle, exact[0][..., None], exact[1][..., None], noise, steps_are_large)


def _slopes(
    above: Array, below: Array, middle: Array, plus: Array, minus: Array, noise: Array, steps_are_large: bool
) -> _NumericalSlopes:
    """Return slopes by Richardson extrapolation, and the one-sided slopes at kinks.

    above, below: values beside the point, of shape (entries, steps, outputs), NaN where there is none.
    plus, minus: lengths of the steps to them.
    """
    width = plus + minus
    central = (above - below) / width
    slope_noise = 2.0 * noise / width + 2.0**-51 * np.abs(central)
    value, error = _extrapolated(central, slope_noise)
    constant = ((above == middle) & (below == middle)).all(axis=1)
    value = np.where(constant, 0.0, value)
    # small steps may be below the resolution of a function; over large ones it moves by less than a unit in
    # the last place, which is 3.5 standard deviations of rounding, and `slope_noise` is 16 of them
    finest_noise = 0.25 * np.broadcast_to(slope_noise, central.shape).min(axis=1)
    error = np.where(constant, finest_noise if steps_are_large else np.inf, error)
    right, left = (above - middle) / plus, (middle - below) / minus
    jump_noise = 2.0 * noise * (1.0 / plus + 1.0 / minus)
    kinked, torn, finest = _kinks(np.abs(right - left), np.maximum(np.abs(right), np.abs(left)), jump_noise)
    error = np.where(torn, np.inf, error)
    if kinked.any():
        # one-sided slopes of second order
        index = np.maximum(finest, 1)[:, None, :]
        at = [np.take_along_axis(side, index, axis=1)[:, 0] for side in (right, left)]
        coarser = [np.take_along_axis(side, index - 1, axis=1)[:, 0] for side in (right, left)]
        one, other = (a + (a - b) / 3.0 for a, b in zip(at, coarser, strict=True))
        curvature = sum(np.abs(a - b) for a, b in zip(at, coarser, strict=True))
        lost = np.take_along_axis(np.broadcast_to(jump_noise, right.shape), index, axis=1)[:, 0]
        relative = np.take_along_axis(np.broadcast_to(plus / plus[:, :1], right.shape), index, axis=1)[:, 0]
        value = np.where(kinked, 0.5 * (one + other), value)
        error = np.where(kinked, curvature * relative + 2.0 * lost, error)
        return _NumericalSlopes(value, error, np.where(kinked, 0.5 * np.abs(one - other), 0.0))
    return _NumericalSlopes(value, error, np.zeros(value.shape))


def _extrapolated(central: Array, noise: Array) -> tuple[Array, Array]:
    """Return the best of all Richardson extrapolations, with its error, from central differences.

    central, noise: of shape (entries, steps, outputs); each step is a quarter of the one before.
    """
    finite, noise = np.isfinite(central), np.broadcast_to(noise, central.shape)
    enough = finite.sum(axis=1) >= _LEAST_STEPS
    best = np.full(enough.shape, np.nan)
    least = np.full(enough.shape, np.inf)
    table, errors = central, np.where(finite, noise, np.inf)
    first: list[tuple[Array, Array]] = []  # extrapolations of the first order, and their likely errors
    for order in range(1, central.shape[1]):
        gain = 1.0 / (16.0**order - 1.0)
        difference = table[:, 1:] - table[:, :-1]
        distance = np.abs(difference)
        table = table[:, 1:] + gain * difference
        within_noise = distance <= errors[:, 1:] + errors[:, :-1]
        errors = (1.0 + gain) * errors[:, 1:] + gain * errors[:, :-1]
        truncation = np.where(within_noise, distance, _remainder(distance))
        total = np.where(np.isfinite(table), truncation + errors, np.inf)
        likely = np.where(np.isfinite(table), truncation + _LIKELY * errors, np.inf)
        first = first or [(table[:, column], likely[:, column]) for column in range(table.shape[1])]
        for column in range(table.shape[1]):
            value, error = table[:, column], total[:, column].copy()
            finest = column + order
            if finest + 1 < central.shape[1]:
                # a truncation error larger than smaller steps show: a kink lies between the steps
                seen = 2.0 * np.abs(central[:, finest] - central[:, finest + 1])
                seen += _LIKELY * (noise[:, finest] + noise[:, finest + 1])
                error += np.maximum(np.abs(value - central[:, finest]) - np.nan_to_num(seen, nan=np.inf), 0.0)
            for finer, finer_error in first[finest:]:
                # where smaller steps contradict: a kink lies between them and the larger ones
                beyond = np.abs(value - finer) - finer_error
                error = np.where(beyond > error, error + beyond, error)
            better = error < least
            best = np.where(better, value, best)
            least = np.where(better, error, least)
    return best, np.where(enough, least, np.inf)


def _remainder(distance: Array) -> Array:
    """Return the truncation error of estimates from their distances to those of larger steps.

    The distances of a series that converges fall by a ratio, and the rest of a geometric series remains.
    Where they do not fall, steps exceed the features of the function, and the error is not known.
    """
    ratio = np.ones(distance.shape)
    ratio[:, 1:] = distance[:, 1:] / distance[:, :-1]
    rest = np.where(ratio < _SLOWEST, 2.0 * ratio / (1.0 - ratio) * distance, np.inf)
    rest = np.where(ratio <= _CONVERGENCE, _SAFETY / 15.0 * distance, rest)
    rest[:, 0] = np.inf if distance.shape[1] > 1 else distance[:, 0]
    return np.where(np.isnan(rest), np.inf, rest)


def _kinks(jump: Array, size: Array, noise: Array) -> tuple[Array, Array, Array]:
    """Return where the slopes jump, where the function itself does, and the finest step that resolves it.

    jump: distance of the one-sided slopes, of shape (entries, steps, outputs). size: of the slopes.
    """
    resolved = np.isfinite(jump) & (jump > _RESOLVED * noise) & (jump > _LEAST_JUMP * size)
    last = jump.shape[1] - 1
    finest = last - np.argmax(resolved[:, ::-1], axis=1)
    index = finest[:, None, :]
    at = np.take_along_axis(jump, index, axis=1)[:, 0]
    coarser = np.take_along_axis(jump, np.maximum(index - 1, 0), axis=1)[:, 0]
    ratio = at / coarser
    # a finer step that would resolve the jump, and does not, shows that the kink is beside the point
    steps = np.arange(jump.shape[1])[None, :, None]
    finer = (steps > index) & np.isfinite(jump) & (_RESOLVED * noise < 0.5 * at[:, None, :])
    kinked = resolved.any(axis=1) & (finest > 0) & ~finer.any(axis=1)
    least, most = _KINK_RATIOS
    return kinked & (ratio > least) & (ratio < most), kinked & (ratio >= most), finest


@_quiet()
def vjp_by_complex_steps(
    function: Function,
    arguments: Sequence[Array],
    places: Sequence[int],
    upstream: Array,
    entries: Mapping[int, Array] | None = None,
) -> NumericalVjp | None:
    """Return the vector-Jacobian products by complex steps; None if the function does not support them.

    entries: by place, flat indices of the entries to differentiate; all of them by default.
    """
    middle = np.asarray(function(*arguments), dtype=np.float64)
    # bound on intermediate terms that may cancel
    inner = np.abs(upstream).sum() * max(1.0, float(np.abs(middle).max(initial=0.0)))
    estimates, scale = {}, {}
    for place in places:
        value, sizes = np.full(arguments[place].size, np.nan), np.full(arguments[place].size, np.nan)
        flat = arguments[place].ravel()
        for entry in map(int, np.arange(flat.size) if entries is None else entries[place]):
            moved = _value_at(function, arguments, place, entry, flat[entry] + 1j * _COMPLEX_STEP)
            if moved is None or moved.dtype.kind != "c" or moved.shape != middle.shape:
                return None
            if not np.allclose(moved.real, middle, rtol=1e-9, atol=0.0):
                return None
            slope = moved.imag / _COMPLEX_STEP
            slope = np.where(np.abs(slope) < _TRUNCATION, 0.0, slope)
            value[entry], sizes[entry] = (upstream * slope).sum(), np.abs(upstream * slope).sum()
        shape = arguments[place].shape
        terms = np.where(sizes > 0, sizes + inner, 0.0)  # a constant output has no rounding error
        error = np.where(np.isnan(value), np.inf, _ROUNDINGS * terms).reshape(shape)
        estimates[place] = Estimate(value.reshape(shape), error)
        scale[place] = sizes.reshape(shape)
    return NumericalVjp(estimates, scale)


def _value_at(
    function: Function, arguments: Sequence[Array], place: int, entry: int, number: complex
) -> Array | None:
    """Return the function's value with one entry of one argument replaced; None if it has none there."""
    moved = list(arguments)
    moved[place] = moved[place].astype(np.complex128 if isinstance(number, complex) else np.float64)
    moved[place].flat[entry] = number
    return _call(function, moved)


def _call(function: Function, arguments: Sequence[Array]) -> Array | None:
    try:
        value = np.asarray(function(*arguments))
    except Exception:  # the user's function may support only real numbers, or only some of them
        return None
    return value if value.dtype.kind in "fciu" else None
