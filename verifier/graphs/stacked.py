"""Numbers of a graph by plain name, in any arithmetic, with stacked storage for bands of nodes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.graphs.bands import Band, Bands, Rows
from verifier.graphs.shapes import Shape

_FEW = 4  # terms that are added one by one; more are summed at once


class Stacked(Mapping[str, Any]):
    """A mapping of numbers by name; names without a number are absent."""

    def __init__(self, bands: Bands, arithmetic: Any) -> None:
        self._bands, self._arithmetic = bands, arithmetic
        self._by_name: dict[str, Any] = {}
        self._stacks = {shape: self._empty(shape, size) for shape, size in bands.sizes.items()}
        self._filled = {shape: np.zeros(size, dtype=bool) for shape, size in bands.sizes.items()}

    def __getitem__(self, name: str) -> Any:
        place = self._bands.places.get(name)
        if place is None:
            return self._by_name[name]
        shape, row = place
        if not self._filled[shape][row]:
            raise KeyError(name)
        return self._arithmetic.move(lambda part: part[row], self._stacks[shape])

    def __contains__(self, name: object) -> bool:
        place = self._bands.places.get(name)  # type: ignore[call-overload]
        return name in self._by_name if place is None else bool(self._filled[place[0]][place[1]])

    def __iter__(self) -> Iterator[str]:
        yield from self._by_name
        yield from (name for name, (shape, row) in self._bands.places.items() if self._filled[shape][row])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def wholes(self) -> Iterator[Any]:
        """Yield all numbers, stacks as one; missing numbers are 0."""
        yield from self._by_name.values()
        yield from self._stacks.values()

    def map(self, function: Callable[[Any], Any], arithmetic: Any) -> "Stacked":
        """Return the same names with `function` of their numbers."""
        result = Stacked.__new__(Stacked)
        result._bands, result._arithmetic, result._filled = self._bands, arithmetic, self._filled
        result._by_name = {name: function(number) for name, number in self._by_name.items()}
        result._stacks = {shape: function(number) for shape, number in self._stacks.items()}
        return result

    def copies(self, count: int) -> "Stacked":
        """Return arrays with room for copies: stacks (rows, copies, *shape), others (1, *shape)."""
        result = self.map(lambda part: part[np.newaxis], self._arithmetic)
        result._stacks = {
            shape: np.repeat(stack[:, np.newaxis], count, axis=1) for shape, stack in self._stacks.items()
        }
        return result

    def put(self, name: str, numbers: Any) -> None:
        """Store a number under a name."""
        place = self._bands.places.get(name)
        if place is None:
            self._by_name[name] = numbers
        else:
            self._put_rows(*place, numbers)

    def put_band(self, band: Band, numbers: Any) -> None:
        """Store the values of a band's nodes, stacked, or that of its only node."""
        if band.rows is None:
            self.put(band.node.name, numbers)
        else:
            self._put_rows(band.node.shape, band.rows, numbers)

    def operands(self, band: Band) -> list[Any]:
        """Return a band's operands: stacked, or those of its only node."""
        if band.rows is None:
            return [self[name] for name in band.node.operands]
        return [self._rows(band.node.shape, rows.at) for rows in band.operands]

    def of_band(self, band: Band) -> Any:
        """Return a band's values: stacked, or that of its only node."""
        return self[band.node.name] if band.rows is None else self._rows(band.node.shape, band.rows)

    def add(self, name: str, numbers: Any) -> None:
        """Add to the number of a name; the first number is stored as it is."""
        self.put(name, self._arithmetic.plus(self[name], numbers) if name in self else numbers)

    def add_rows(self, shape: Shape, rows: Rows, numbers: Any) -> None:
        """Add numbers of a band's nodes to the rows that they belong to."""
        if rows.distinct is None:
            self._add_distinct(shape, rows.at, numbers)
            return
        for at, nodes in rows.distinct:
            self._add_distinct(shape, at, self._sums(numbers, nodes, len(shape)))

    def _sums(self, numbers: Any, nodes: Array, rank: int) -> Any:
        A, times = self._arithmetic, nodes.shape[1]
        if times > _FEW:
            return A.total(A.move(lambda part: part[nodes], numbers), (-rank - 1,))
        total = A.move(lambda part: part[nodes[:, 0]], numbers)
        for column in range(1, times):
            total = A.plus(total, A.move(lambda part, column=column: part[nodes[:, column]], numbers))
        return total

    def _add_distinct(self, shape: Shape, at: Array, numbers: Any) -> None:
        filled = self._filled[shape][at]
        if filled.any():
            stored, A = self._rows(shape, at), self._arithmetic
            sums = A.plus(stored, numbers)
            if not filled.all():
                mask = filled.reshape(-1, *(1,) * len(shape))
                sums = A.move(lambda total, first: np.where(mask, total, first), sums, numbers)
            numbers = sums
        self._put_rows(shape, at, numbers)

    def _rows(self, shape: Shape, rows: Any) -> Any:
        return self._arithmetic.move(lambda part: part[rows], self._stacks[shape])

    def _put_rows(self, shape: Shape, rows: Any, numbers: Any) -> None:
        def put(stack: Array, part: Array) -> Array:
            stack[rows] = part
            return stack

        self._arithmetic.move(put, self._stacks[shape], numbers)
        self._filled[shape][rows] = True

    def _empty(self, shape: Shape, size: int) -> Any:
        like = self._arithmetic.constant(np.zeros(shape))
        return self._arithmetic.move(lambda part: np.zeros((size, *shape), dtype=part.dtype), like)
