"""What becomes of a right gradient's numbers on their way."""

from collections.abc import Iterator, Mapping

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.bug import Changed

_MOST_DIGITS = 12
_TELLING = 30.0  # times a number's own rounding, which digits it was printed to must exceed
_ROUND = 1e-6  # of a threshold, as float32 has it
_SHARES = (0.5, 0.9)  # of the largest entry, and of the norm, to clip at when the bug is made

Gradients = Mapping[str, Array]


def _flat(gradients: Gradients) -> Array:
    return np.concatenate([array.ravel() for array in gradients.values()])


def _norm(array: Array) -> float:
    return float(np.linalg.norm(array.ravel()))


def all_zero(right: Gradients, submitted: Gradients | None) -> Iterator[Changed]:
    yield Changed({name: np.zeros_like(array) for name, array in right.items()})


def clipped(right: Gradients, submitted: Gradients | None) -> Iterator[Changed]:
    """By element; each parameter by its own norm; all together by theirs. To 0 is no clipping."""
    if submitted is None:
        thresholds = [_short(share * float(np.abs(_flat(right)).max()), 2) for share in _SHARES]
        norms = [_short(share * _norm(_flat(right)), 1) for share in _SHARES]
        each = [_short(share * max(map(_norm, right.values())), 2) for share in _SHARES]
    else:
        thresholds = [float(np.abs(_flat(submitted)).max())]
        norms, each = [], [max(map(_norm, submitted.values()))]  # all together: told by its round norm
    for threshold in filter(None, thresholds):
        cut = {name: np.clip(array, -threshold, threshold) for name, array in right.items()}
        yield Changed(cut, {"threshold": threshold, "by": "element"}, unknowns=_unknowns(threshold))
    for threshold in filter(None, each):
        cut = {name: array * _shrunk(_norm(array), threshold) for name, array in right.items()}
        yield Changed(
            cut, {"threshold": threshold, "by": "norm of each parameter"}, unknowns=_unknowns(threshold)
        )
    for threshold in filter(None, norms):
        factor = _shrunk(_norm(_flat(right)), threshold)
        yield Changed({name: factor * array for name, array in right.items()}, {"threshold": threshold})


def _short(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _unknowns(threshold: float) -> int:
    """Nobody has to be told a round threshold; any other is told by one of the numbers cut down to it."""
    return 0 if abs(threshold - _short(threshold, 2)) <= _ROUND * threshold else 1


def _shrunk(norm: float, threshold: float) -> float:
    return threshold / norm if norm > threshold else 1.0


def truncated(right: Gradients, submitted: Gradients | None) -> Iterator[Changed]:
    for cut in (np.trunc, np.floor, np.rint):
        yield Changed({name: cut(array) for name, array in right.items()})


def rounded_in_print(right: Gradients, submitted: Gradients | None) -> Iterator[Changed]:
    """To so many decimals, or to so many significant digits, as few as the submitted numbers show."""
    if submitted is None:
        for digits in (2, 3):
            yield Changed(
                {name: np.round(array, digits) for name, array in right.items()}, {"digits": digits}
            )
        return
    decimals = decimals_of(_flat(submitted))
    if decimals is not None:
        half = {name: np.full_like(array, 0.5 * 10.0**-decimals) for name, array in right.items()}
        yield Changed(right, {"digits": decimals}, half)
    significant = _significant_digits_of(_flat(submitted))
    if significant is not None:
        half = {name: 0.5 * _last_place(array, significant) for name, array in submitted.items()}
        yield Changed(right, {"digits": significant}, half)


def decimals_of(values: Array) -> int | None:
    """Give how many decimals hold all values as they were printed; None where that is no few."""
    largest = float(np.abs(values).max(initial=0.0))
    for digits in range(1, _MOST_DIGITS):
        unit = _unit_of(values)
        if 10.0**-digits < _TELLING * unit * largest:
            return None
        if (np.abs(np.round(values, digits) - values) <= unit * np.abs(values)).all():
            return digits
    return None


def _significant_digits_of(values: Array) -> int | None:
    unit = _unit_of(values)
    for digits in range(1, _MOST_DIGITS):
        if 10.0**-digits < _TELLING * unit:
            return None
        if (np.abs(_to_significant(values, digits) - values) <= unit * np.abs(values)).all():
            return digits
    return None


def _unit_of(values: Array) -> float:
    """Give the relative rounding of numbers that went through float32, or did not."""
    with np.errstate(over="ignore"):
        return 2.0**-23 if (values.astype(np.float32) == values).all() else 2.0**-51


def _last_place(values: Array, digits: int) -> Array:
    """Give the unit of the last of so many significant digits."""
    with np.errstate(all="ignore"):
        place = np.where(values == 0, 0.0, np.floor(np.log10(np.abs(values))))
        return np.asarray(10.0 ** (place - (digits - 1)))


def _to_significant(values: Array, digits: int) -> Array:
    unit = _last_place(values, digits)
    with np.errstate(all="ignore"):
        return np.asarray(np.rint(values / unit) * unit)
