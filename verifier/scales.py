"""Compute the scale of gradient entries: Σ |contributions|, before any cancellation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import deltas, penalty_gradient
from reference_impl.network import LayerParameters, Trace, named
from reference_impl.problem import Problem
from verifier.by_rows import ALL, ArraysByRows, Which


class Scales(ArraysByRows):
    """|z|ᵀ|δ| plus the penalties' |slopes|, by parameter; of several traces the entrywise maximum."""

    def __init__(self, problem: Problem, traces: Sequence[Trace]) -> None:
        super().__init__([name for name, _ in named(problem.parameters)])
        self._problem, self._traces = problem, traces

    def rows(self, name: str, which: Which) -> Array:
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
        return [_Magnitudes.of(self._problem, trace) for trace in self._traces]


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


def _scale(magnitudes: _Magnitudes, index: int, kind: str, which: Which) -> Array:
    delta, penalty = magnitudes.delta[index], magnitudes.penalty[index]
    scale = magnitudes.z[index][which] @ delta if kind == "weight" else delta.sum(axis=0)[which]
    slopes = None if penalty is None else penalty.weight if kind == "weight" else penalty.bias
    if slopes is not None:
        scale += np.abs(slopes[which])
    return np.asarray(scale)
