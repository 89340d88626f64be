"""Gradients of large weights as products, whose rows are computed when they are compared."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import EllipsisType
from typing import Generic, TypeVar

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import deltas, penalty_gradient
from reference_impl.network import LayerParameters, Trace
from reference_impl.problem import Problem
from verifier.engine.estimate import Estimate
from verifier.problem.precision import PRECISIONS

RowIndex = slice | EllipsisType
ALL: RowIndex = ...  # works for arrays without axes, too
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, eq=False)
class RowEstimates:
    """Some rows of an estimate without slopes.

    columns: indices of the columns that are present; None if all are.
    """

    value: Array
    error: Array
    columns: Array | None = None


@dataclass(eq=False)
class _LazyMapping(Mapping[str, Value], Generic[Value], ABC):
    """A mapping of fixed names that computes each value once."""

    names: Sequence[str]
    _cache: dict[str, Value] = field(default_factory=dict, init=False)

    @abstractmethod
    def _whole(self, name: str) -> Value: ...

    def __getitem__(self, name: str) -> Value:
        if name not in self._cache:
            if name not in self.names:
                raise KeyError(name)
            with np.errstate(all="ignore"):  # values that are not finite count as unknown
                self._cache[name] = self._whole(name)
        return self._cache[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class LazyArrays(_LazyMapping[Array]):
    """A lazy mapping of arrays with one or two axes."""

    @abstractmethod
    def rows(self, name: str, which: RowIndex) -> Array:
        """Return some rows of an array with two axes."""


class LazyEstimates(_LazyMapping[Estimate]):
    """A lazy mapping of estimates without slopes: no parameter is near a kink."""

    @abstractmethod
    def rows(self, name: str, which: RowIndex) -> RowEstimates:
        """Return some rows of an estimate. An entry whose value or error is not finite is unknown.

        The caller suppresses numpy's overflow warnings.
        """

    def sharpened(self) -> bool:
        """Recompute vague values with sharper, slower methods; return True if anything changed."""
        return False


def gradient_from_deltas(
    problem: Problem,
    z: Sequence[Array],
    deltas: Sequence[Estimate],
    penalties: Sequence[Mapping[str, Estimate]],
) -> Mapping[str, Estimate]:
    """Return zᵀδ and Σδ, scaled to the risk, with the penalties' gradients added.

    deltas: by layer, (N, out), of each example's own loss. An infinite error of one δ makes the error of
    exactly those entries infinite that use it.
    """
    return _LazyGradient(list(problem.arrays), problem, z, deltas, penalties)


@dataclass(eq=False)
class _LazyGradient(LazyEstimates):
    """The gradient from δ, computed rows at a time."""

    problem: Problem
    z: Sequence[Array]
    deltas: Sequence[Estimate]
    penalties: Sequence[Mapping[str, Estimate]]
    _products: "dict[int, DeltaProduct]" = field(default_factory=dict, init=False)

    def rows(self, name: str, which: RowIndex) -> RowEstimates:
        _, index, kind = name.split(".")
        product = self._product(int(index))
        rows = product.of_weight(which) if kind == "weight" else product.of_bias()
        columns = slice(None) if rows.columns is None else rows.columns
        for penalty in self.penalties:
            if name in penalty:
                value, error = penalty[name].value[which], penalty[name].error[which]
                rows = RowEstimates(
                    rows.value + value[..., columns], rows.error + error[..., columns], rows.columns
                )
        return rows

    def _whole(self, name: str) -> Estimate:
        return in_all_columns(self.rows(name, ALL), self.deltas[int(name.split(".")[1])].value.shape[-1])

    def _product(self, index: int) -> "DeltaProduct":
        if index not in self._products:
            self._products[index] = DeltaProduct(
                self.z[index], self.deltas[index], self.problem.example_scale
            )
        return self._products[index]


def in_all_columns(rows: RowEstimates, columns: int) -> Estimate:
    """Return estimates with all columns; the error of absent ones is infinite."""
    if rows.columns is None:
        return Estimate(rows.value, rows.error)
    shape = *rows.value.shape[:-1], columns
    whole = Estimate(np.zeros(shape), np.full(shape, np.inf))
    whole.value[..., rows.columns], whole.error[..., rows.columns] = rows.value, rows.error
    return whole


class DeltaProduct:
    """zᵀδ and Σδ with their errors. columns: indices of the known units if they are few, else None."""

    def __init__(self, z: Array, delta: Estimate, scale: float) -> None:
        self.columns: Array | None = None
        known = np.isfinite(delta.error + delta.value)
        if not known.all():
            known_units = known.any(axis=0)
            if 2 * np.count_nonzero(known_units) < known_units.size:  # few units were sampled
                self.columns = np.flatnonzero(known_units)
                delta = Estimate(delta.value[:, known_units], delta.error[:, known_units])
                known = known[:, known_units]
            delta = Estimate(np.where(known, delta.value, 0.0), np.where(known, delta.error, 0.0))
        rounding_error = PRECISIONS["float64"].unit_roundoff * (z.shape[0] + 4) * np.abs(delta.value)
        self._z, self._magnitude = z.T, np.abs(z).T
        self._value, self._error = scale * delta.value, scale * (delta.error + rounding_error)
        self._unknown = None if known.all() else (~known).astype(np.float64)

    def of_weight(self, which: RowIndex) -> RowEstimates:
        """Return some rows of the weight's gradient, in the known columns."""
        error = self._magnitude[which] @ self._error
        if self._unknown is not None:
            used = (self._z[which] != 0).astype(np.float64) @ self._unknown
            error = np.where(used > 0, np.inf, error)
        return RowEstimates(self._z[which] @ self._value, error, self.columns)

    def of_bias(self) -> RowEstimates:
        """Return the bias's gradient, in the known columns."""
        error = self._error.sum(axis=0)
        if self._unknown is not None:
            error = np.where(self._unknown.any(axis=0), np.inf, error)
        return RowEstimates(self._value.sum(axis=0), error, self.columns)


@dataclass(eq=False)
class Scales(LazyArrays):
    """|z|ᵀ|δ| plus the penalties' |slopes|, by parameter; of several traces the entrywise maximum."""

    problem: Problem
    traces: Sequence[Trace]

    def rows(self, name: str, which: RowIndex) -> Array:
        _, index, kind = name.split(".")
        scale, *other_scales = (
            _scale(magnitudes, int(index), kind, which) for magnitudes in self._magnitudes
        )
        for other_scale in other_scales:
            np.maximum(scale, other_scale, out=scale)
        return scale

    def _whole(self, name: str) -> Array:
        return self.rows(name, ALL)

    @cached_property
    def _magnitudes(self) -> list["_Magnitudes"]:
        return [_Magnitudes.of(self.problem, trace) for trace in self.traces]


@dataclass(frozen=True, slots=True, eq=False)
class _Magnitudes:
    """Magnitudes by layer: |z| transposed (in, N), |δ| (N, out), and the penalties' gradient or None."""

    z: list[Array]
    delta: list[Array]
    penalty: list[LayerParameters | None]

    @classmethod
    def of(cls, problem: Problem, trace: Trace) -> "_Magnitudes":
        layers = range(len(problem.parameters))
        penalised = bool(problem.risk.penalties)
        return cls(
            [np.abs(trace.z[index]).T for index in layers],
            [np.abs(delta) for delta in deltas(problem, trace)],
            [penalty_gradient(problem, trace, index) if penalised else None for index in layers],
        )


def _scale(magnitudes: _Magnitudes, index: int, kind: str, which: RowIndex) -> Array:
    delta, penalty = magnitudes.delta[index], magnitudes.penalty[index]
    scale = magnitudes.z[index][which] @ delta if kind == "weight" else delta.sum(axis=0)[which]
    penalty_gradient = None if penalty is None else penalty.weight if kind == "weight" else penalty.bias
    if penalty_gradient is not None:
        scale += np.abs(penalty_gradient[which])
    return np.asarray(scale)
