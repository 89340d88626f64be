"""Iterate over named arrays in blocks that fit the cache: small arrays together, large ones in rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reference_impl.array import Array
from verifier.by_rows import ALL, ArraysByRows, EstimatesByRows, Rows, Which
from verifier.estimate import Estimate

BLOCK = 1 << 14  # entries: 128 kB per array; a dozen such arrays fit one core's cache


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one parameter."""

    name: str
    rows: Which


class Block:
    """Some parts of named arrays, concatenated flat; reductions are computed part by part."""

    def __init__(self, parts: Sequence[_Part], sizes: Sequence[int], owners: Sequence[int]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *sizes[:-1]]) if len(parts) > 1 else None
        self.owners = np.array(owners)

    @classmethod
    def of_one(cls, array: Array) -> "Block":
        """Return the block of one whole array, whose owner is 0."""
        return cls([_Part("", ALL)], [array.size], [0])

    def of(self, arrays: Mapping[str, Array]) -> Array:
        """Return the block's part of the arrays."""
        if self._starts is None:
            name, rows = self._parts[0].name, self._parts[0].rows
            if isinstance(arrays, ArraysByRows):
                return arrays.rows(name, rows)
            return np.atleast_1d(arrays[name][rows])
        return np.concatenate([arrays[part.name][part.rows].ravel() for part in self._parts])

    def of_estimates(self, estimates: Mapping[str, Estimate]) -> Rows:
        """Return the block's values and errors, without slopes."""
        if self._starts is None:
            return _rows(estimates, self._parts[0])
        parts = [_in_all_columns(estimates, part) for part in self._parts]
        return Rows(
            np.concatenate([part.value.ravel() for part in parts]),
            np.concatenate([part.error.ravel() for part in parts]),
        )

    def largest(self, values: Array) -> Array:
        """Return the maximum of each part."""
        return self._reduced(np.maximum, values)

    def total(self, values: Array) -> Array:
        """Return the sum of each part."""
        return self._reduced(np.add, values)

    def products(self, x: Array, y: Array) -> Array:
        """Return the inner product of x and y for each part."""
        if self._starts is None:
            return np.asarray([np.vdot(x, y)])
        return self._reduced(np.add, x * y)

    def count(self, mask: Array) -> Array:
        """Return the number of True entries of each part."""
        if self._starts is None:
            return np.asarray([np.count_nonzero(mask)])
        return self._reduced(np.add, mask.astype(np.int64))

    def _reduced(self, operation: np.ufunc, values: Array) -> Array:
        if self._starts is None:
            return np.asarray([operation.reduce(values, axis=None)])
        return np.asarray(operation.reduceat(values, self._starts))


def _rows(estimates: Mapping[str, Estimate], part: _Part) -> Rows:
    if isinstance(estimates, EstimatesByRows):
        return estimates.rows(part.name, part.rows)
    estimate = estimates[part.name]
    return Rows(np.atleast_1d(estimate.value[part.rows]), np.atleast_1d(estimate.error[part.rows]))


def _in_all_columns(estimates: Mapping[str, Estimate], part: _Part) -> Rows:
    rows = _rows(estimates, part)
    if rows.columns is None:
        return rows
    whole = estimates[part.name]
    return Rows(whole.value[part.rows], whole.error[part.rows])


def blocks(arrays: Mapping[str, Array]) -> Iterator[Block]:
    """Yield blocks: small parameters together, large ones split into rows."""
    parts: list[_Part] = []
    sizes: list[int] = []
    owners: list[int] = []
    entries = 0
    for owner, (name, array) in enumerate(arrays.items()):
        if entries + array.size > BLOCK and parts:
            yield Block(parts, sizes, owners)
            parts, sizes, owners, entries = [], [], [], 0
        if array.size <= BLOCK or array.ndim < 2:  # a vector is not split
            parts.append(_Part(name, ALL))
            sizes.append(array.size)
            owners.append(owner)
            entries += array.size
            continue
        rows = max(1, BLOCK // (array.size // len(array)))
        for start in range(0, len(array), rows):
            yield Block([_Part(name, slice(start, start + rows))], [0], [owner])
    if parts:
        yield Block(parts, sizes, owners)
