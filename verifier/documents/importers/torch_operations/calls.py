"""Calls of operations of graphs, in which an operation of PyTorch is written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.documents.importers.common import array_of

Shape = tuple[int, ...]


def signed(number: int) -> int:
    """Return the signed value of a 64-bit number that PyTorch stores as unsigned."""
    return number - (1 << 64) if number >= 1 << 63 else number


@dataclass(frozen=True, slots=True)
class Operand:
    """An operand of a backward node: an edge, or a constant that the node saved.

    place: of the edge. saved: the name of the operand among the saved values; empty if it is never saved.
    """

    place: int
    saved: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """An operation of graphs applied to calls, operands, arrays and numbers."""

    op: str
    args: tuple["Argument", ...]
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


Argument = Call | Operand | float | Array


@dataclass(frozen=True, slots=True)
class Saved:
    """The values that a backward node saved of its operation.

    shapes: of the operation's results. operand_shapes: of the operands; None for constants.
    """

    node: Any
    shapes: tuple[Shape, ...]
    operand_shapes: tuple[Shape | None, ...]

    def __getitem__(self, name: str) -> Any:
        return getattr(self.node, f"_saved_{name}")

    def get(self, name: str) -> Any:
        """Return a saved value, None if PyTorch does not keep it."""
        return getattr(self.node, f"_saved_{name}", None)

    def axis(self, name: str) -> int:
        """Return a saved axis, which PyTorch stores as an unsigned number."""
        return signed(self[name])

    def axes(self, name: str) -> list[int] | None:
        """Return saved axes; None if there are none, which means all of them."""
        axes = self[name]
        return [signed(axis) for axis in axes] if axes else None

    def array(self, name: str) -> Array:
        """Return a saved tensor as an array."""
        return array_of(self[name])

    @property
    def shape(self) -> Shape:
        """Return the shape of the first result."""
        return self.shapes[0]

    def operand_shape(self, place: int, name: str = "self") -> Shape:
        """Return the shape of an operand with an edge, or of the saved tensor of that name."""
        shape = self.operand_shapes[place]
        return tuple(self[name].shape) if shape is None else shape


Built = Call | Operand | Mapping[int, Call | Operand]
"""The value of an operation, or its results by number."""

Row = Callable[[Saved], Built]
"""One row of the table. Raises: Unsupported."""


def calls_within(call: Call) -> list[Call]:
    """Return a call and all calls among its operands, each once, operands first."""
    order: dict[Call, None] = {}
    stack: list[tuple[Call, bool]] = [(call, False)]
    while stack:
        part, operands_done = stack.pop()
        if operands_done:
            order[part] = None
        elif part not in order:
            stack.append((part, True))
            stack += [(argument, False) for argument in reversed(part.args) if isinstance(argument, Call)]
    return list(order)


def operands_of(built: Built) -> Iterator[Operand]:
    """Yield the operands of all results."""
    for result in built.values() if isinstance(built, Mapping) else [built]:
        if isinstance(result, Operand):
            yield result
            continue
        for part in calls_within(result):
            yield from (argument for argument in part.args if isinstance(argument, Operand))


X, Y = Operand(0, "self"), Operand(1, "other")


def call(op: str, *args: Argument, **options: Any) -> Call:
    """Return a call; options that are None are left out."""
    return Call(op, args, {name: value for name, value in options.items() if value is not None})


def plain(op: str, *names: str, **options: Any) -> Row:
    """Return the row of an operation whose operands are saved under these names, or not at all."""
    operands = tuple(Operand(place, name) for place, name in enumerate(names or ("self",)))
    return lambda saved: call(op, *operands, **options)


def moved(saved: Saved, movement: Callable[[Array], Array], name: str = "self") -> Call:
    """Return a call that takes the entries of the first operand where a movement puts them."""
    shape = saved.operand_shape(0, name)
    places = np.asarray(movement(np.arange(int(np.prod(shape))).reshape(shape)))
    return call("take", X, places.astype(np.float64))


REDUCTIONS = ("none", "mean", "sum")


def pairs(numbers: Sequence[int]) -> list[list[int]]:
    """Return PyTorch's padding, last axis first, as pairs in the order of the axes."""
    return [list(numbers[place : place + 2]) for place in range(len(numbers) - 2, -1, -2)]
