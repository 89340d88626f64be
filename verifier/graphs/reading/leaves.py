"""Read arrays by name (inputs, parameters, gradients), and check names."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import NON_FINITE, read_array
from verifier.documents.mistakes import Mistakes, at, read_number, shown
from verifier.graphs.problem import INPUT, NODE

AXES = 8  # of one array
_NAME = re.compile(r"[^\s\[\]]{1,100}")
_RULE = "a name of 1 to 100 characters that print, without spaces and [ ]"


def read_name(value: Any, pointer: str, mistakes: Mistakes) -> str | None:
    """Return a valid name of an operand; None after an error."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or not value.isprintable():
        mistakes.add(pointer, _RULE, shown(value))
        return None
    if value.startswith((INPUT, NODE)):
        remedy = f"gradients of inputs and nodes are named so; call it {value.partition('.')[2] or 'x'!r}"
        mistakes.add(pointer, f"a name that does not begin with {INPUT!r} or {NODE!r}", shown(value), remedy)
        return None
    return value


def read_arrays(
    document: Mapping[str, Any], field: str, mistakes: Mistakes, *, finite: bool = True
) -> dict[str, Array | None]:
    """Return the arrays of an object by name; None for malformed ones."""
    arrays = document.get(field, {})
    if not isinstance(arrays, Mapping):
        mistakes.add(at("", field), "an object of arrays by name", shown(arrays))
        return {}
    return {
        name: read_any_array(value, at("", field, name), mistakes, finite=finite)
        for name, value in arrays.items()
    }


def read_any_array(value: Any, pointer: str, mistakes: Mistakes, *, finite: bool = True) -> Array | None:
    """Return an array of at most 8 axes, or one number as an array without axes; None after an error."""
    if isinstance(value, str) and not finite and value in NON_FINITE:
        return np.asarray(NON_FINITE[value])
    if isinstance(value, float) and not finite and not np.isfinite(value):
        return np.asarray(value)
    if isinstance(value, int | float | str) or value is None:
        number = read_number(value, pointer, mistakes)
        return None if number is None else np.asarray(number)
    return read_array(value, pointer, mistakes, finite=finite, axes=AXES)
