"""Numbers of a graph by plain name, in any arithmetic, where bands of nodes read and write theirs as one."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from reference_impl.array import Array
from verifier.graphs.bands import Band, Bands, Rows
from verifier.graphs.shapes import Shape

_FEW = 4  # terms that are added one by one; more of them as one sum


class Stacked(Mapping[str, Any]):
    """What was put or added under each name; names that nothing was put under are absent."""

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
        """Give all numbers, what is stacked as one; what was not put is 0."""
        yield from self._by_name.values()
        yield from self._stacks.values()

    def map(self, function: Callable[[Any], Any], arithmetic: Any) -> "Stacked":
        """Give the same names with `function` of their numbers."""
        found = Stacked.__new__(Stacked)
        found._bands, found._arithmetic, found._filled = self._bands, arithmetic, self._filled
        found._by_name = {name: function(own) for name, own in self._by_name.items()}
        found._stacks = {shape: function(own) for shape, own in self._stacks.items()}
        return found

    def copies(self, count: int) -> "Stacked":
        """Give arrays with room for copies: stacks (rows, copies, *shape), others (1, *shape)."""
        found = self.map(lambda part: part[np.newaxis], self._arithmetic)
        found._stacks = {
            shape: np.repeat(stack[:, np.newaxis], count, axis=1) for shape, stack in self._stacks.items()
        }
        return found

    def put(self, name: str, own: Any) -> None:
        place = self._bands.places.get(name)
        if place is None:
            self._by_name[name] = own
        else:
            self._put_rows(*place, own)

    def put_band(self, band: Band, own: Any) -> None:
        """Put the values of a band's nodes, stacked, or that of its only node."""
        if band.rows is None:
            self.put(band.node.name, own)
        else:
            self._put_rows(band.node.shape, band.rows, own)

    def operands(self, band: Band) -> list[Any]:
        """Give a band's operands: stacked, or those of its only node."""
        if band.rows is None:
            return [self[name] for name in band.node.operands]
        return [self._rows(band.node.shape, rows.at) for rows in band.operands]

    def of_band(self, band: Band) -> Any:
        return self[band.node.name] if band.rows is None else self._rows(band.node.shape, band.rows)

    def add(self, name: str, own: Any) -> None:
        """Add to what is there; what is the first stays as it is."""
        self.put(name, self._arithmetic.plus(self[name], own) if name in self else own)

    def add_rows(self, shape: Shape, rows: Rows, own: Any) -> None:
        """Add numbers of a band's nodes to the rows that each is for."""
        if rows.distinct is None:
            self._add_distinct(shape, rows.at, own)
            return
        for at, nodes in rows.distinct:
            self._add_distinct(shape, at, self._summed(own, nodes, len(shape)))

    def _summed(self, own: Any, nodes: Array, rank: int) -> Any:
        A, times = self._arithmetic, nodes.shape[1]
        if times > _FEW:
            return A.total(A.move(lambda part: part[nodes], own), (-rank - 1,))
        found = A.move(lambda part: part[nodes[:, 0]], own)
        for each in range(1, times):
            found = A.plus(found, A.move(lambda part, each=each: part[nodes[:, each]], own))
        return found

    def _add_distinct(self, shape: Shape, at: Array, own: Any) -> None:
        filled = self._filled[shape][at]
        if filled.any():
            there, A = self._rows(shape, at), self._arithmetic
            both = A.plus(there, own)
            if not filled.all():
                which = filled.reshape(-1, *(1,) * len(shape))
                both = A.move(lambda sum_of, first: np.where(which, sum_of, first), both, own)
            own = both
        self._put_rows(shape, at, own)

    def _rows(self, shape: Shape, rows: Any) -> Any:
        return self._arithmetic.move(lambda part: part[rows], self._stacks[shape])

    def _put_rows(self, shape: Shape, rows: Any, own: Any) -> None:
        def put(stack: Array, part: Array) -> Array:
            stack[rows] = part
            return stack

        self._arithmetic.move(put, self._stacks[shape], own)
        self._filled[shape][rows] = True

    def _empty(self, shape: Shape, size: int) -> Any:
        like = self._arithmetic.constant(np.zeros(shape))
        return self._arithmetic.move(lambda part: np.zeros((size, *shape), dtype=part.dtype), like)
