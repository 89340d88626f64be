"""Compute the gradient of every parameter, with errors, from δ of all units."""

from collections.abc import Mapping, Sequence

import numpy as np

from reference_impl.array import Array
from reference_impl.network import named
from reference_impl.problem import Problem
from verifier.by_rows import ALL, EstimatesByRows, Rows, Which
from verifier.estimate import Estimate
from verifier.precision import PRECISIONS


def gradient_of_nodes(
    problem: Problem,
    z: Sequence[Array],
    deltas: Sequence[Estimate],
    penalties: Sequence[Mapping[str, Estimate]],
) -> Mapping[str, Estimate]:
    """Return zᵀδ and Σδ, scaled to the risk, with the penalties' gradients added.

    deltas: by layer, (N, out), of each example's own loss. An infinite error of one δ makes the error of
    exactly those entries infinite that use it.
    """
    return _LazyGradient(problem, z, deltas, penalties)


class _LazyGradient(EstimatesByRows):
    """The gradient from δ, computed rows at a time."""

    def __init__(
        self,
        problem: Problem,
        z: Sequence[Array],
        deltas: Sequence[Estimate],
        penalties: Sequence[Mapping[str, Estimate]],
    ) -> None:
        super().__init__([name for name, _ in named(problem.parameters)])
        self._problem, self._z, self._deltas, self._penalties = problem, z, deltas, penalties
        self._products: dict[int, _Product] = {}

    def rows(self, name: str, which: Which) -> Rows:
        _, index, kind = name.split(".")
        product = self._product(int(index))
        rows = product.of_weight(which) if kind == "weight" else product.of_bias()
        columns = slice(None) if rows.columns is None else rows.columns
        for penalty in self._penalties:
            if name in penalty:
                value, error = penalty[name].value[which], penalty[name].error[which]
                rows = Rows(rows.value + value[..., columns], rows.error + error[..., columns], rows.columns)
        return rows

    def _whole(self, name: str) -> Estimate:
        rows = self.rows(name, ALL)
        if rows.columns is None:
            return Estimate(rows.value, rows.error)
        shape = *rows.value.shape[:-1], self._deltas[int(name.split(".")[1])].value.shape[-1]
        whole = Estimate(np.zeros(shape), np.full(shape, np.inf))
        whole.value[..., rows.columns], whole.error[..., rows.columns] = rows.value, rows.error
        return whole

    def _product(self, index: int) -> "_Product":
        if index not in self._products:
            scale = self._problem.risk.example_scale(self._problem.batch.size)
            self._products[index] = _Product(self._z[index], self._deltas[index], scale)
        return self._products[index]


class _Product:
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

    def of_weight(self, which: Which) -> Rows:
        """Return some rows of the weight's gradient, in the known columns."""
        error = self._magnitude[which] @ self._error
        if self._unknown is not None:
            used = (self._z[which] != 0).astype(np.float64) @ self._unknown
            error = np.where(used > 0, np.inf, error)
        return Rows(self._z[which] @ self._value, error, self.columns)

    def of_bias(self) -> Rows:
        """Return the bias's gradient, in the known columns."""
        error = self._error.sum(axis=0)
        if self._unknown is not None:
            error = np.where(self._unknown.any(axis=0), np.inf, error)
        return Rows(self._value.sum(axis=0), error, self.columns)
