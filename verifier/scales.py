"""How much an entry of a gradient is summed from: Σ |contributions|, whatever of it cancels."""

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
    """|z|ᵀ|δ| and the penalties' |slopes|, by parameter; of several traces the largest, entry by entry."""

    def __init__(self, problem: Problem, traces: Sequence[Trace]) -> None:
        super().__init__([name for name, _ in named(problem.parameters)])
        self._problem, self._traces = problem, traces

    def rows(self, name: str, which: Which) -> Array:
        _, index, kind = name.split(".")
        first, *others = (_scale(sizes, int(index), kind, which) for sizes in self._sizes)
        for other in others:
            np.maximum(first, other, out=first)
        return first

    def _whole(self, name: str) -> Array:
        return self.rows(name, ALL)

    @cached_property
    def _sizes(self) -> list["_Sizes"]:
        return [_Sizes.of(self._problem, trace) for trace in self._traces]


@dataclass(frozen=True, slots=True, eq=False)
class _Sizes:
    """By layer: |z| transposed (in, N), |δ| (N, out), and the penalties' gradient where there are some."""

    z: list[Array]
    delta: list[Array]
    penalty: list[LayerParameters | None]

    @classmethod
    def of(cls, problem: Problem, trace: Trace) -> "_Sizes":
        layers = range(len(problem.parameters))
        penalised = bool(problem.risk.penalties)
        return cls(
            [np.abs(trace.z[index]).T for index in layers],
            [np.abs(delta) for delta in deltas(problem, trace)],
            [penalty_gradient(problem, trace, index) if penalised else None for index in layers],
        )


def _scale(sizes: _Sizes, index: int, kind: str, which: Which) -> Array:
    delta, penalty = sizes.delta[index], sizes.penalty[index]
    found = sizes.z[index][which] @ delta if kind == "weight" else delta.sum(axis=0)[which]
    extra = None if penalty is None else penalty.weight if kind == "weight" else penalty.bias
    if extra is not None:
        found += np.abs(extra[which])
    return np.asarray(found)
