"""Transformations of a right gradient: zeroed, clipped, truncated, rounded in print."""

from collections.abc import Iterator, Mapping
from math import inf, nan

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.catalogue.bug import TransformedGradient

_MAX_DIGITS = 16  # digits of numbers that may have been printed
_MIN_PRINT_ROUNDINGS = 30.0  # in roundings of a number: rounding in print must be larger
_ROUND_THRESHOLD_RTOL = 1e-6  # of a threshold stored in float32
_CLIP_FRACTIONS = (0.5, 0.9)  # of the largest entry or the norm: thresholds of mutants

Gradients = Mapping[str, Array]


def flatten(gradients: Gradients) -> Array:
    """Return the entries of all gradients in one array."""
    return np.concatenate([array.ravel() for array in gradients.values()])


def _norm(array: Array) -> float:
    return float(np.linalg.norm(array.ravel()))


def all_zero(right: Gradients, submitted: Gradients | None) -> Iterator[TransformedGradient]:
    yield TransformedGradient({name: np.zeros_like(array) for name, array in right.items()})


def clipped(right: Gradients, submitted: Gradients | None) -> Iterator[TransformedGradient]:
    """Yield gradients clipped by element, by the norm of each parameter, and by the global norm."""
    if submitted is None:
        thresholds = [
            _round_to_digits(share * float(np.abs(flatten(right)).max()), 2) for share in _CLIP_FRACTIONS
        ]
        global_norms = [_round_to_digits(share * _norm(flatten(right)), 1) for share in _CLIP_FRACTIONS]
        parameter_norms = [
            _round_to_digits(share * max(map(_norm, right.values())), 2) for share in _CLIP_FRACTIONS
        ]
    else:
        thresholds = [float(np.abs(flatten(submitted)).max())]
        # clipping by the global norm is found as a constant factor with a round norm
        global_norms, parameter_norms = [], [max(map(_norm, submitted.values()))]
    for threshold in filter(None, thresholds):
        clipped_gradients = {name: np.clip(array, -threshold, threshold) for name, array in right.items()}
        yield TransformedGradient(
            clipped_gradients, {"threshold": threshold, "by": "element"}, unknowns=_unknowns(threshold)
        )
    for threshold in filter(None, parameter_norms):
        clipped_gradients = {name: array * _shrunk(_norm(array), threshold) for name, array in right.items()}
        yield TransformedGradient(
            clipped_gradients,
            {"threshold": threshold, "by": "norm of each parameter"},
            unknowns=_unknowns(threshold),
        )
    for threshold in filter(None, global_norms):
        factor = _shrunk(_norm(flatten(right)), threshold)
        yield TransformedGradient(
            {name: factor * array for name, array in right.items()}, {"threshold": threshold}
        )


def _round_to_digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _unknowns(threshold: float) -> int:
    """Return 0 for a round threshold, else 1: it was read off one of the numbers clipped to it."""
    return 0 if abs(threshold - _round_to_digits(threshold, 2)) <= _ROUND_THRESHOLD_RTOL * threshold else 1


def _shrunk(norm: float, threshold: float) -> float:
    return threshold / norm if norm > threshold else 1.0


def truncated(right: Gradients, submitted: Gradients | None) -> Iterator[TransformedGradient]:
    """Yield gradients converted to integers in each direction."""
    for to_integer in (np.trunc, np.floor, np.rint):
        yield TransformedGradient({name: to_integer(array) for name, array in right.items()})


def rounded_to_digits(right: Gradients, submitted: Gradients | None) -> Iterator[TransformedGradient]:
    """Yield gradients rounded to the decimals or significant digits of the submitted numbers."""
    if submitted is None:
        for digits in (2, 3):
            yield TransformedGradient(
                {name: np.round(array, digits) for name, array in right.items()}, {"digits": digits}
            )
        return
    decimals = printed_decimals(flatten(submitted))
    if decimals is not None:
        half = {name: np.full_like(array, 0.5 * 10.0**-decimals) for name, array in right.items()}
        yield TransformedGradient(right, {"digits": decimals}, half)
    significant = printed_digits(flatten(submitted))
    if significant is not None:
        half = {name: 0.5 * unit_of_last_digit(array, significant) for name, array in submitted.items()}
        yield TransformedGradient(right, {"digits": significant}, half)


def printed_decimals(values: Array) -> int | None:
    """Return the number of decimals that represents all values; None if they have full precision."""
    largest = float(np.abs(values).max(initial=0.0))
    for digits in range(1, _MAX_DIGITS):
        unit = _unit_of(values)
        if 10.0**-digits < _MIN_PRINT_ROUNDINGS * unit * largest:
            return None
        if (np.abs(np.round(values, digits) - values) <= unit * np.abs(values)).all():
            return digits
    return None


def printed_digits(values: Array) -> int | None:
    """Return the number of significant digits that represents all values; None at full precision."""
    unit = _unit_of(values)
    for digits in range(1, _MAX_DIGITS):
        if 10.0**-digits < _MIN_PRINT_ROUNDINGS * unit:
            return None
        if (np.abs(_to_significant(values, digits) - values) <= unit * np.abs(values)).all():
            return digits
    return None


def _unit_of(values: Array) -> float:
    """Return the relative spacing of float32 if all values fit it, else a few units of float64."""
    with np.errstate(over="ignore"):
        return 2.0**-23 if (values.astype(np.float32) == values).all() else 2.0**-51


def unit_of_last_digit(values: Array, digits: int) -> Array:
    """Return the unit of the last of so many significant digits, entry by entry."""
    with np.errstate(all="ignore"):
        place = np.where(values == 0, 0.0, np.floor(np.log10(np.abs(values))))
        return np.asarray(10.0 ** (place - (digits - 1)))


def _to_significant(values: Array, digits: int) -> Array:
    unit = unit_of_last_digit(values, digits)
    with np.errstate(all="ignore"):
        return np.asarray(np.rint(values / unit) * unit)


def least_squares_factor(target: Array, value: Array) -> float:
    """Return t in target ≈ t · value by least squares; NaN if the value is 0 or overflows."""
    square = float(np.vdot(value, value))
    return float(np.vdot(target, value)) / square if 0 < square < inf else nan
