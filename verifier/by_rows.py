"""Lazy mappings of arrays that are products: computed whole by name, or a few rows at a time.

The gradient of a large weight is zᵀδ. Reading it in blocks that fit the cache avoids the whole array, whose
memory costs more time than the product.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Generic, TypeVar

import numpy as np

from reference_impl.array import Array
from verifier.estimate import Estimate

Which = slice | EllipsisType
ALL: Which = ...  # works for arrays without axes, too
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of an estimate without slopes.

    columns: indices of the columns that are present; None if all are.
    """

    value: Array
    error: Array
    columns: Array | None = None


class _LazyMapping(Mapping[str, Value], Generic[Value], ABC):
    """A mapping with given names that computes each value once."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._cache: dict[str, Value] = {}

    @abstractmethod
    def _whole(self, name: str) -> Value: ...

    def __getitem__(self, name: str) -> Value:
        if name not in self._cache:
            if name not in self._names:
                raise KeyError(name)
            with np.errstate(all="ignore"):  # values that are not finite count as unknown
                self._cache[name] = self._whole(name)
        return self._cache[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class ArraysByRows(_LazyMapping[Array]):
    """A lazy mapping of arrays with one or two axes."""

    @abstractmethod
    def rows(self, name: str, which: Which) -> Array:
        """Return some rows of an array with two axes."""


class EstimatesByRows(_LazyMapping[Estimate]):
    """A lazy mapping of estimates without slopes: no parameter is near a kink."""

    @abstractmethod
    def rows(self, name: str, which: Which) -> Rows:
        """Return some rows of an estimate. An entry whose value or error is not finite is unknown.

        The caller suppresses numpy's overflow warnings.
        """

    def sharpened(self) -> bool:
        """Recompute vague values with sharper, slower methods; return True if anything changed."""
        return False
