"""Read the arrays of a document (nested lists, numpy arrays or tensors) as float64.

An array is checked by its set of types. Single numbers are checked only after an error, to locate it.
"""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.problem.errors import SHOWN, ErrorCollector, Path, describe, read_number

AXES = 8  # of one array of a graph
NON_FINITE = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}
_LISTS = (list, tuple)
_PLAIN = {list, float, int}  # most documents have no other types
_LARGEST_INTEGER = 2**1024 - 2**970  # from here on float() overflows


def read_array(
    value: Any, path: Path, errors: ErrorCollector, *, finite: bool = True, axes: int = 2
) -> Array | None:
    """Return an array of at most `axes` axes; None after an error.

    finite: NaN and infinities are errors. If False, the strings of NON_FINITE are accepted for them, too.
    """
    array = (
        _from_lists(value, path, errors, finite, axes + 1)
        if isinstance(value, _LISTS)
        else _from_numbers(value, path, errors)
    )
    if array is None:
        return None
    if array.ndim > axes:
        rank = str(array.ndim) if array.ndim == axes + 1 else f"more than {axes}"
        actual = f"nesting of depth {rank}" if isinstance(value, _LISTS) else f"shape {array.shape}"
        remedy = "flatten each example: array.reshape(len(array), -1)" if path == ("inputs",) else ""
        errors.add(path, _expected_rank(axes), actual, remedy)
        return None
    if finite and np.count_nonzero(np.isfinite(array)) < array.size:
        indices = np.argwhere(~np.isfinite(array))
        _add_mistakes(
            [(*path, *map(int, index)) for index in indices[:SHOWN]],
            len(indices),
            ["a number that is not finite"] * SHOWN,
            "a finite number",
            path,
            errors,
            remedy="only gradients may be non-finite, where that is judged",
        )
        return None
    return array


def read_any_array(value: Any, path: Path, errors: ErrorCollector, *, finite: bool = True) -> Array | None:
    """Return an array of at most 8 axes, or one number as an array without axes; None after an error."""
    if isinstance(value, str) and not finite and value in NON_FINITE:
        return np.asarray(NON_FINITE[value])
    if isinstance(value, float) and not finite and not np.isfinite(value):
        return np.asarray(value)
    if isinstance(value, int | float | str) or value is None:
        number = read_number(value, path, errors)
        return None if number is None else np.asarray(number)
    return read_array(value, path, errors, finite=finite, axes=AXES)


def read_arrays(
    document: Mapping[str, Any],
    field: str,
    errors: ErrorCollector,
    *,
    finite: bool = True,
    read: Callable[..., Array | None] = read_array,
) -> dict[str, Array | None] | None:
    """Return the arrays of an object by name, None for malformed ones; None if there is no such object."""
    if field not in document:
        return None
    arrays = document[field]
    if not isinstance(arrays, Mapping):
        errors.add((field,), "an object of arrays by name", describe(arrays))
        return None
    return {name: read(value, (field, name), errors, finite=finite) for name, value in arrays.items()}


def tensors_to_numpy(value: Any) -> Any:
    """Return the value with numpy arrays for PyTorch's tensors, also in nested lists, and pandas' tables.

    bfloat16 becomes float32.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        return (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    if hasattr(value, "to_numpy"):  # a table or column of pandas
        return value.to_numpy()
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


def _from_numbers(value: Any, path: Path, errors: ErrorCollector) -> Array | None:
    value = tensors_to_numpy(value)
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return np.asarray(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiu":
        with np.errstate(over="ignore"):
            return np.asarray(value, dtype=np.float64)
    if isinstance(value, np.ndarray | np.generic):
        remedy = "take the real part" if value.dtype.kind == "c" else "make it with dtype=float"
        errors.add(path, "an array of real numbers", f"an array of type {value.dtype}", remedy)
    else:
        remedy = "leave it out: it is reported as missing" if value is None and path[0] == "gradients" else ""
        errors.add(path, "a list of numbers or a list of such lists", describe(value), remedy)
    return None


def _expected_rank(axes: int) -> str:
    return "a list of numbers or a list of such lists" if axes == 2 else f"lists nested at most {axes} deep"


def _from_lists(value: Any, path: Path, errors: ErrorCollector, finite: bool, deepest: int) -> Array | None:
    kinds = set(map(type, value))
    if not kinds <= _PLAIN and any(hasattr(kind, "tolist") for kind in kinds):  # rows may be arrays
        value = [item.tolist() if hasattr(item, "tolist") else item for item in value]
    shape: list[int] = []
    level: list[Any] = [value]
    while level and _are_lists(level):
        lengths = set(map(len, level))
        if len(lengths) > 1:
            other = next(i for i, item in enumerate(level) if len(item) != len(level[0]))
            errors.add(
                (*path, *_multi_index(other, shape)),
                f"a list of {len(level[0])}, as in the first row",
                f"a list of {len(level[other])}",
                "make all rows equally long",
            )
            return None
        shape.append(len(level[0]))
        if len(shape) > deepest:
            errors.add(path, _expected_rank(deepest - 1), f"nesting of depth {len(shape)} or more")
            return None
        level = list(chain.from_iterable(level))
    return _from_flat(level, tuple(shape), path, errors, finite)


def _are_lists(items: list[Any]) -> bool:
    kinds = set(map(type, items))
    return kinds == {list} or (not kinds <= _PLAIN and all(issubclass(kind, _LISTS) for kind in kinds))


def _from_flat(
    flat: list[Any], shape: tuple[int, ...], path: Path, errors: ErrorCollector, finite: bool
) -> Array | None:
    if not set(map(type, flat)) <= {int, float}:
        flat = [NON_FINITE.get(x, x) if type(x) is str and not finite else x for x in flat]
        flat = [_as_python_number(x) for x in flat]
        wrong = [i for i, x in enumerate(flat) if type(x) not in (int, float)]
        if wrong:
            _add_mistakes(
                [(*path, *_multi_index(i, shape)) for i in wrong[:SHOWN]],
                len(wrong),
                [describe(flat[i]) for i in wrong[:SHOWN]],
                "a number",
                path,
                errors,
                remedy=_remedy([flat[i] for i in wrong], finite),
            )
            return None
    try:
        return np.array(flat, dtype=np.float64).reshape(shape)
    except OverflowError:
        large = [i for i, x in enumerate(flat) if isinstance(x, int) and abs(x) >= _LARGEST_INTEGER]
        _add_mistakes(
            [(*path, *_multi_index(i, shape)) for i in large[:SHOWN]],
            len(large),
            ["an integer beyond its range"] * SHOWN,
            "a number that fits a float64",
            path,
            errors,
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
    texts = [x for x in wrong if isinstance(x, str)]
    if any(describe(text) != "a number in quotes" and not text.strip().isdigit() for text in texts):
        return "write numbers; classes are numbered from 0"
    return "write numbers without quotes" if texts else ""


def _add_mistakes(
    paths: list[Path],
    count: int,
    descriptions: list[str],
    expected: str,
    path: Path,
    errors: ErrorCollector,
    remedy: str = "",
) -> None:
    for item_path, actual in zip(paths, descriptions, strict=False):
        errors.add(item_path, expected, actual, remedy)
    if count > len(paths):
        errors.add(path, f"{expected} everywhere", f"{count - len(paths)} more such entries")


def _multi_index(flat: int, shape: list[int] | tuple[int, ...]) -> tuple[int, ...]:
    """Return the multi-index of flat index `flat` in an array of this shape."""
    index: list[int] = []
    for size in reversed(shape):
        index.append(flat % size if size else 0)
        flat = flat // size if size else 0
    return tuple(reversed(index))
