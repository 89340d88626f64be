"""Read the arrays of a document (nested lists, numpy arrays or tensors) as float64.

An array is checked by its set of types. Single numbers are checked only after an error, to locate it.
"""

from itertools import chain
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.problem.errors import SHOWN, Mistakes, describe, json_pointer

NON_FINITE = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}
_LISTS = (list, tuple)
_LARGEST_INTEGER = 2**1024 - 2**970  # from here on float() overflows


def read_array(
    value: Any, pointer: str, mistakes: Mistakes, *, finite: bool = True, axes: int = 2
) -> Array | None:
    """Return an array of at most `axes` axes; None after an error.

    finite: NaN and infinities are errors. If False, the strings of NON_FINITE are accepted for them, too.
    """
    array = (
        _from_lists(value, pointer, mistakes, finite, axes + 1)
        if isinstance(value, _LISTS)
        else _from_numbers(value, pointer, mistakes)
    )
    if array is None:
        return None
    if array.ndim > axes:
        rank = str(array.ndim) if array.ndim == axes + 1 else f"more than {axes}"
        mistakes.add(pointer, _expected_rank(axes), f"nesting of depth {rank}")
        return None
    if finite and not np.isfinite(array).all():
        indices = np.argwhere(~np.isfinite(array))
        _add_mistakes(
            [json_pointer(pointer, *map(int, index)) for index in indices[:SHOWN]],
            len(indices),
            ["a number that is not finite"] * SHOWN,
            "a finite number",
            pointer,
            mistakes,
        )
        return None
    return array


def tensors_to_numpy(value: Any) -> Any:
    """Return the value with numpy arrays for PyTorch's tensors, also in nested lists; bfloat16 as float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        return (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    if isinstance(value, list | tuple):
        return [item if isinstance(item, int | float) else tensors_to_numpy(item) for item in value]
    return value


def dtype_of(value: Any) -> str | None:
    """Return the floating-point format of an array or tensor; None for lists and integers."""
    return format_of(getattr(value, "dtype", None))


def format_of(dtype: Any) -> str | None:
    """Return the floating-point format of a numpy or PyTorch dtype; None for other dtypes and for None."""
    if dtype is None:
        return None
    name = getattr(dtype, "name", None) or str(dtype).removeprefix(
        "torch."
    )  # numpy's `name` has no byte order
    return name if name in ("float64", "float32", "float16", "bfloat16") else None


def _from_numbers(value: Any, pointer: str, mistakes: Mistakes) -> Array | None:
    value = tensors_to_numpy(value)
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return np.asarray(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiu":
        with np.errstate(over="ignore"):
            return np.asarray(value, dtype=np.float64)
    if isinstance(value, np.ndarray | np.generic):
        mistakes.add(pointer, "an array of real numbers", f"an array of type {value.dtype}")
    else:
        mistakes.add(pointer, "a list of numbers or a list of such lists", describe(value))
    return None


def _expected_rank(axes: int) -> str:
    return "a list of numbers or a list of such lists" if axes == 2 else f"lists nested at most {axes} deep"


def _from_lists(value: Any, pointer: str, mistakes: Mistakes, finite: bool, deepest: int) -> Array | None:
    if any(hasattr(kind, "tolist") for kind in set(map(type, value))):  # rows may be arrays
        value = [item.tolist() if hasattr(item, "tolist") else item for item in value]
    shape: list[int] = []
    level: list[Any] = [value]
    while level and all(issubclass(kind, _LISTS) for kind in set(map(type, level))):
        lengths = set(map(len, level))
        if len(lengths) > 1:
            other = next(i for i, item in enumerate(level) if len(item) != len(level[0]))
            mistakes.add(
                json_pointer(pointer, *_multi_index(other, shape)),
                f"a list of {len(level[0])}, as in the first row",
                f"a list of {len(level[other])}",
                "make all rows equally long",
            )
            return None
        shape.append(len(level[0]))
        if len(shape) > deepest:
            mistakes.add(pointer, _expected_rank(deepest - 1), f"nesting of depth {len(shape)} or more")
            return None
        level = list(chain.from_iterable(level))
    return _from_flat(level, tuple(shape), pointer, mistakes, finite)


def _from_flat(
    flat: list[Any], shape: tuple[int, ...], pointer: str, mistakes: Mistakes, finite: bool
) -> Array | None:
    if not set(map(type, flat)) <= {int, float}:
        flat = [NON_FINITE.get(x, x) if type(x) is str and not finite else x for x in flat]
        flat = [_as_python_number(x) for x in flat]
        wrong = [i for i, x in enumerate(flat) if type(x) not in (int, float)]
        if wrong:
            _add_mistakes(
                [json_pointer(pointer, *_multi_index(i, shape)) for i in wrong[:SHOWN]],
                len(wrong),
                [describe(flat[i]) for i in wrong[:SHOWN]],
                "a number",
                pointer,
                mistakes,
                remedy=_remedy([flat[i] for i in wrong], finite),
            )
            return None
    try:
        return np.array(flat, dtype=np.float64).reshape(shape)
    except OverflowError:
        large = [i for i, x in enumerate(flat) if isinstance(x, int) and abs(x) >= _LARGEST_INTEGER]
        _add_mistakes(
            [json_pointer(pointer, *_multi_index(i, shape)) for i in large[:SHOWN]],
            len(large),
            ["an integer beyond its range"] * SHOWN,
            "a number that fits a float64",
            pointer,
            mistakes,
        )
        return None


def _as_python_number(x: Any) -> Any:
    """Return a scalar of numpy or PyTorch as a Python number; any other value unchanged."""
    if isinstance(x, np.floating):  # item() of a longdouble is a longdouble
        return float(x)
    return x.item() if getattr(x, "ndim", None) == 0 and hasattr(x, "item") else x


def _remedy(wrong: list[Any], finite: bool) -> str:
    if any(isinstance(x, list | tuple) for x in wrong):
        return "make all rows equally deep"
    if any(isinstance(x, str) and x in NON_FINITE for x in wrong) and finite:
        return "only gradients may be non-finite, where that is judged"
    return "write numbers without quotes" if any(isinstance(x, str) for x in wrong) else ""


def _add_mistakes(
    pointers: list[str],
    count: int,
    descriptions: list[str],
    expected: str,
    pointer: str,
    mistakes: Mistakes,
    remedy: str = "",
) -> None:
    for item_pointer, actual in zip(pointers, descriptions, strict=False):
        mistakes.add(item_pointer, expected, actual, remedy)
    if count > len(pointers):
        mistakes.add(pointer, f"{expected} everywhere", f"{count - len(pointers)} more such entries")


def _multi_index(flat: int, shape: list[int] | tuple[int, ...]) -> tuple[int, ...]:
    """Return the multi-index of flat index `flat` in an array of this shape."""
    index: list[int] = []
    for size in reversed(shape):
        index.append(flat % size if size else 0)
        flat = flat // size if size else 0
    return tuple(reversed(index))
