"""One layer under a hypothesis, a candidate for its δ, and an explanation of its gradients."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.network import LayerParameters, Parameters
from verifier.diagnosis.budget import Budget
from verifier.diagnosis.bug import Bug, Flow
from verifier.diagnosis.bugs import ORDER
from verifier.diagnosis.evidence import Evidence
from verifier.diagnosis.finding import AGAIN, NEW, RARE, Finding
from verifier.diagnosis.fitting import size_of_delta
from verifier.diagnosis.part_explanation import Target

_MOST = 0.9  # of the entries of a δ


@dataclass(frozen=True, eq=False)
class Delta:
    """A candidate for a layer's δ. bug: None for the right rule. right: it is the true δ of this problem.

    whole: the bug is of the whole network, though it shows in the last δ first.
    sensitivity: by how much δ moves, over the relative rounding of what it is computed from.
    """

    flow: Flow
    bug: Bug | None = None
    right: bool = False
    estimates: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    unknowns: int = 0
    equation: str = ""
    whole: bool = False
    sensitivity: Array | None = None

    @cached_property
    def size(self) -> Array:
        """What the rounding of δ is relative to, (N, out)."""
        size = size_of_delta(self.flow.delta)
        return size if self.sensitivity is None else size + self.sensitivity

    @property
    def blur(self) -> float:
        """By how much most of δ is more sensitive than by its own size."""
        if self.sensitivity is None:
            return 1.0
        with np.errstate(all="ignore"):
            share = self.sensitivity / size_of_delta(self.flow.delta)
        return 1.0 + float(np.quantile(np.nan_to_num(share, posinf=0.0), _MOST))


@dataclass(frozen=True, slots=True, eq=False)
class LayerExplanation:
    """One way to explain a layer.

    flow: δ that goes on down, its factor included. blur: see `Delta`.
    """

    cost: float
    flow: Flow
    right: bool
    findings: tuple[Finding, ...]
    blur: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer under a hypothesis.

    declared: the declared penalties are believed, so that a right verdict counts. penalties: what they add.
    targets: what was handed in, by kind. known, blur: which bugs were found above, and how they blur δ.
    """

    evidence: Evidence
    index: int
    declared: bool
    penalties: Parameters
    targets: Mapping[str, Target]
    budget: Budget
    known: frozenset[str] = frozenset()
    blur: float = 1.0
    right_delta: Array | None = None

    @property
    def penalty(self) -> LayerParameters:
        return self.penalties[self.index]

    @property
    def is_first_seen(self) -> bool:
        """Whether it is the last layer, or nothing of those above was handed in."""
        above = range(self.index + 1, len(self.evidence.parts))
        return not any(self.evidence.given(index) for index in above)

    @property
    def scale_equation(self) -> str:
        """What a factor of this layer's δ is a factor of."""
        return "loss" if self.is_first_seen else "hidden_delta"

    def price(self, bug: str) -> float:
        return (AGAIN if bug in self.known else NEW) + RARE * ORDER[bug]


def targets_of(
    evidence: Evidence, index: int, penalty: LayerParameters, data_factors: Mapping[str, float]
) -> dict[str, Target]:
    """Give what was handed in of a layer. penalty, data_factors: see `PenaltyHypothesis`."""
    return {
        part.kind: Target(part, getattr(penalty, part.kind), evidence, data_factors.get(part.kind, 1.0))
        for part in evidence.given(index)
    }


def is_of_whole_network(bug: Bug, equation: str) -> bool:
    """Say whether a bug, made in this equation, is no single layer's: all are affected alike."""
    return bug.in_whole_network or (bug.equation == "weight_gradient" and equation == "output_delta")
