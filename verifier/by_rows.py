"""Arrays by name that are products: worked out whole where they are asked by name, or rows at a time.

A large weight's gradient is zᵀδ. Who looks at it in blocks that stay in cache needs no whole array, whose
memory costs more than the product.
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
ALL: Which = ...  # of an array of no axis too
Whole = TypeVar("Whole")


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of an estimate without slopes. columns: which these are of its columns; None: all of them."""

    value: Array
    error: Array
    columns: Array | None = None


class _Named(Mapping[str, Whole], Generic[Whole], ABC):
    """A mapping that works out each value once."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._known: dict[str, Whole] = {}

    @abstractmethod
    def _whole(self, name: str) -> Whole: ...

    def __getitem__(self, name: str) -> Whole:
        if name not in self._known:
            if name not in self._names:
                raise KeyError(name)
            with np.errstate(all="ignore"):  # what is not finite is unknown
                self._known[name] = self._whole(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class ArraysByRows(_Named[Array]):
    """Arrays of two axes, or one."""

    @abstractmethod
    def rows(self, name: str, which: Which) -> Array:
        """Give some rows of an array of two axes."""


class EstimatesByRows(_Named[Estimate]):
    """Estimates of parameters near no kink: none has slopes."""

    @abstractmethod
    def rows(self, name: str, which: Which) -> Rows:
        """Give some rows of an estimate. A value or an error that is not finite: nothing is known.

        Whoever asks keeps numpy quiet about overflow.
        """

    def sharpened(self) -> bool:
        """Take sharper, dearer ways from now on where values are vague; say whether anything changed."""
        return False
