"""Numbers as JSON can hold them: non-finite ones are strings."""

from math import isfinite
from typing import Any

_INFINITIES = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


def json_number(value: float) -> float | str:
    """Return the number, or a string for NaN and infinities, which JSON has no numbers for."""
    if isfinite(value):
        return value
    return _INFINITIES.get(value, "NaN")


def json_numbers(values: Any) -> Any:
    """Return nested lists with `number` applied to every item."""
    if isinstance(values, list):
        return [json_numbers(item) for item in values]
    return json_number(values)


def join_with_and(*names: str) -> str:
    """Return `2`, `2 and 1`, or `2, 1 and 0`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
