"""From the responses δ of all units to the gradient of every parameter, errors carried along."""

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
    """Give zᵀδ and Σδ, scaled to the risk, with the penalties' gradients added.

    Shapes: deltas of layer l (N, out), of each example's own loss. An infinite error of one δ makes infinite
    those entries that use it, and no others.
    """
    return _GradientOfNodes(problem, z, deltas, penalties)


class _GradientOfNodes(EstimatesByRows):
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
        found = product.of_weight(which) if kind == "weight" else product.of_bias()
        columns = slice(None) if found.columns is None else found.columns
        for penalty in self._penalties:
            if name in penalty:
                value, error = penalty[name].value[which], penalty[name].error[which]
                found = Rows(
                    found.value + value[..., columns], found.error + error[..., columns], found.columns
                )
        return found

    def _whole(self, name: str) -> Estimate:
        found = self.rows(name, ALL)
        if found.columns is None:
            return Estimate(found.value, found.error)
        shape = *found.value.shape[:-1], self._deltas[int(name.split(".")[1])].value.shape[-1]
        whole = Estimate(np.zeros(shape), np.full(shape, np.inf))
        whole.value[..., found.columns], whole.error[..., found.columns] = found.value, found.error
        return whole

    def _product(self, index: int) -> "_Product":
        if index not in self._products:
            scale = self._problem.risk.example_scale(self._problem.batch.size)
            self._products[index] = _Product(self._z[index], self._deltas[index], scale)
        return self._products[index]


class _Product:
    """zᵀδ and Σδ with their errors. columns: the units that are known, where these are few."""

    def __init__(self, z: Array, delta: Estimate, scale: float) -> None:
        self.columns: Array | None = None
        known = np.isfinite(delta.error + delta.value)
        if not known.all():
            told = known.any(axis=0)
            if 2 * np.count_nonzero(told) < told.size:  # few units were looked at
                self.columns = np.flatnonzero(told)
                delta = Estimate(delta.value[:, told], delta.error[:, told])
                known = known[:, told]
            delta = Estimate(np.where(known, delta.value, 0.0), np.where(known, delta.error, 0.0))
        own_rounding = PRECISIONS["float64"].unit_roundoff * (z.shape[0] + 4) * np.abs(delta.value)
        self._z, self._size = z.T, np.abs(z).T
        self._value, self._error = scale * delta.value, scale * (delta.error + own_rounding)
        self._unknown = None if known.all() else (~known).astype(np.float64)

    def of_weight(self, which: Which) -> Rows:
        """Give some rows, of the known columns."""
        error = self._size[which] @ self._error
        if self._unknown is not None:
            used = (self._z[which] != 0).astype(np.float64) @ self._unknown
            error = np.where(used > 0, np.inf, error)
        return Rows(self._z[which] @ self._value, error, self.columns)

    def of_bias(self) -> Rows:
        error = self._error.sum(axis=0)
        if self._unknown is not None:
            error = np.where(self._unknown.any(axis=0), np.inf, error)
        return Rows(self._value.sum(axis=0), error, self.columns)
