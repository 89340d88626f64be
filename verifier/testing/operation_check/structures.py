"""Take arguments, outputs and gradients apart into arrays: numbers, arrays, tensors, and dictionaries or
sequences of them.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.arrays import tensors_to_numpy
from verifier.problem.errors import malformed


@dataclass(frozen=True, slots=True)
class Use:
    """One application of an operation: forward, then backward, which may use state that forward saved."""

    forward: Callable[..., Any]
    backward: Callable[[Any], Any]


def is_torch_tensor(value: Any) -> bool:
    """True for a tensor of PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def leaves_of(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every number, array and tensor in a structure, with a name such as `params.W1` or `xs.0`."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from leaves_of(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple) and not is_numeric(value):
        for index, part in enumerate(value):
            yield from leaves_of(part, f"{name}.{index}" if name else str(index))
    else:
        yield name, value


def rebuilt(template: Any, leaves: Iterator[Any]) -> Any:
    """Return a structure like the template with other leaves, in the order of `leaves_of`."""
    if isinstance(template, Mapping):
        return {key: rebuilt(part, leaves) for key, part in template.items()}
    if isinstance(template, list | tuple) and not is_numeric(template):
        parts = [rebuilt(part, leaves) for part in template]
        return type(template)(*parts) if hasattr(template, "_fields") else type(template)(parts)
    return next(leaves)


def is_numeric(value: Any) -> bool:
    """True if a list or a tuple is a list of numbers, or a matrix in nested lists."""
    if isinstance(value, list | tuple):
        return len(value) > 0 and all(
            isinstance(part, int | float) or (isinstance(part, list) and is_numeric(part)) for part in value
        )
    return False


def as_array(value: Any) -> Array | None:
    """Return a number, array or tensor as a real or complex array of its own dtype; None if it is none."""
    if value is None or isinstance(value, str | bytes):
        return None
    try:
        array = np.asarray(tensors_to_numpy(value))
    except (TypeError, ValueError, RuntimeError):
        return None
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    return array if array.dtype.kind in "fciub" else None


def joined(parts: Sequence[Array]) -> Array:
    """Return one output as it is, and several as one flat array."""
    return parts[0] if len(parts) == 1 else np.concatenate([part.ravel() for part in parts])


def parted(array: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """Return the parts of an array or a tensor that `joined` made of parts with these shapes."""
    flat, ends = array.reshape(-1), np.cumsum([prod(shape) for shape in shapes])
    return [
        flat[end - prod(shape) : end].reshape(shape)
        for shape, end in zip(shapes, map(int, ends), strict=True)
    ]


def literal(array: Array) -> str:
    """Return the array as a Python expression."""
    if array.size == 0:
        return f"np.zeros({array.shape}{', dtype=int' if array.dtype.kind == 'i' else ''})"
    return f"np.array({array.tolist()!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Arguments:
    """The caller's arguments, taken apart into arrays.

    top: names of the arguments themselves. names: of their arrays, such as `params.W1`.
    dtypes: number formats in which the function is called. static: leaves that are no arrays, by position.
    """

    template: tuple[Any, ...]
    top: tuple[str, ...]
    names: tuple[str, ...]
    arrays: tuple[Array, ...]
    dtypes: tuple[np.dtype[Any], ...]
    static: Mapping[int, Any]
    in_torch: bool

    def code(self, arrays: Sequence[Array]) -> list[str]:
        """Return lines of code that assign the arguments to names of their own."""
        remaining = iter(arrays)
        count = len(arrays) + len(self.static)
        leaves = [
            _Code(repr(self.static[place]) if place in self.static else literal(next(remaining)))
            for place in range(count)
        ]
        ordered = iter(leaves)
        return [
            f"{name} = {rebuilt(argument, ordered)!r}"
            for name, argument in zip(self.top, self.template, strict=True)
        ]

    def call_with(self, arrays: Sequence[Array]) -> tuple[Any, ...]:
        """Return arguments like the caller's with other numbers."""
        remaining = iter(zip(arrays, self.dtypes, strict=True))
        leaves: list[Any] = []
        for position in range(len(arrays) + len(self.static)):
            if position in self.static:
                leaves.append(self.static[position])
                continue
            array, dtype = next(remaining)
            narrowed = array if array.dtype.kind == "c" else array.astype(dtype)
            leaves.append(tensor_of(narrowed) if self.in_torch else narrowed)
        ordered = iter(leaves)
        return tuple(rebuilt(argument, ordered) for argument in self.template)


class _Code:
    """Code that stands in a structure in place of a leaf."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def tensor_of(array: Array) -> Any:
    """Return an array as a tensor of PyTorch."""
    import torch  # heavy; the caller's arguments are tensors

    return torch.tensor(array)


def read_arguments(function: Any, arguments: Sequence[Any]) -> Arguments:
    """Take the arguments of a function apart. Raises: MalformedSubmission if no array has a gradient."""
    top = tuple(names_of(function, len(arguments)))
    leaves = [*leaves_of(dict(zip(top, arguments, strict=True)))]
    arrays, names, dtypes, static = [], [], [], {}
    for position, (name, leaf) in enumerate(leaves):
        array = as_array(leaf)
        if array is None or array.dtype.kind == "c":
            static[position] = leaf
            continue
        names.append(name)
        dtypes.append(array.dtype)
        arrays.append(array.astype(np.float64) if array.dtype.kind == "f" else array)
    if arguments and not any(array.dtype.kind == "f" for array in arrays):
        raise malformed(
            "arguments", "at least one array of floating-point numbers", "none", "integers have no gradient"
        )
    in_torch = any(is_torch_tensor(leaf) for _, leaf in leaves)
    return Arguments(tuple(arguments), top, tuple(names), tuple(arrays), tuple(dtypes), static, in_torch)


def names_of(function: Any, count: int) -> list[str]:
    """Return names of the positional arguments of a function, an operation or a layer."""
    called = getattr(function, "forward", function)
    names: list[str] = []
    for parameter in parameters_of(called):
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    names = [row for row in names if row not in ("self", "ctx", "context")][:count]
    return names + [f"argument{place}" for place in range(len(names), count)]


def parameters_of(function: Any) -> list[inspect.Parameter]:
    """Return the parameters of a function; those of a ufunc have made-up names."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # functions written in C
        count = getattr(function, "nin", 1)  # the number of arguments of a ufunc
        return [inspect.Parameter(letter, inspect.Parameter.POSITIONAL_ONLY) for letter in "xyzw"[:count]]


def required_count(function: Any) -> int:
    """Return the number of arguments that a function must be called with."""
    rows = parameters_of(function)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(row.kind in positional and row.default is inspect.Parameter.empty for row in rows)
