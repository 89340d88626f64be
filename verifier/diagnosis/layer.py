"""Data types of the search in one layer: layer, candidate for δ, explanation of the gradients."""

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
from verifier.diagnosis.costs import (
    COST_NEW_BUG,
    COST_PER_RANK,
    COST_REPEATED_BUG,
    SENSITIVITY_QUANTILE,
)
from verifier.diagnosis.evidence import Evidence
from verifier.diagnosis.finding import Finding
from verifier.diagnosis.fitting import size_of_delta
from verifier.diagnosis.part_explanation import Target


@dataclass(frozen=True, eq=False)
class Delta:
    """A candidate for a layer's δ. bug: None for the right rule. right: it is the true δ of this problem.

    unknowns: the count of numbers estimated from the submission.
    whole: the bug affects the whole network; the last δ shows it first.
    sensitivity: change of δ over the relative rounding of the network's outputs, entry by entry.
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
        """Magnitude that the rounding error of δ is relative to, (N, out)."""
        size = size_of_delta(self.flow.delta)
        return size if self.sensitivity is None else size + self.sensitivity

    @property
    def noise_factor(self) -> float:
        """Rounding error of δ over that of a well-conditioned δ, for most entries."""
        if self.sensitivity is None:
            return 1.0
        with np.errstate(all="ignore"):
            share = self.sensitivity / size_of_delta(self.flow.delta)
        return 1.0 + float(np.quantile(np.nan_to_num(share, posinf=0.0), SENSITIVITY_QUANTILE))


@dataclass(frozen=True, slots=True, eq=False)
class LayerExplanation:
    """One explanation of a layer's gradients.

    flow: δ for the layer below, its factor included. noise_factor: see `Delta`.
    """

    cost: float
    flow: Flow
    right: bool
    findings: tuple[Finding, ...]
    noise_factor: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer under a hypothesis.

    declared: the penalties are the declared ones, so correct gradients need no explanation.
    penalties: the gradients of the penalties, of all layers. targets: the submitted gradients by kind.
    known: ids of the bugs in the layers above. noise_factor: their effect on the rounding error of δ.
    """

    evidence: Evidence
    index: int
    declared: bool
    penalties: Parameters
    targets: Mapping[str, Target]
    budget: Budget
    known: frozenset[str] = frozenset()
    noise_factor: float = 1.0
    right_delta: Array | None = None

    @property
    def penalty(self) -> LayerParameters:
        return self.penalties[self.index]

    @property
    def is_first_seen(self) -> bool:
        """True for the last layer, or if no gradient of the layers above was submitted."""
        above = range(self.index + 1, len(self.evidence.parts))
        return not any(self.evidence.submitted_parts(index) for index in above)

    @property
    def scale_equation(self) -> str:
        """The equation that contains a factor of this layer's δ."""
        return "loss" if self.is_first_seen else "hidden_delta"

    def price(self, bug: str) -> float:
        """Return the cost of a bug in this layer."""
        return (COST_REPEATED_BUG if bug in self.known else COST_NEW_BUG) + COST_PER_RANK * ORDER[bug]


def targets_of(
    evidence: Evidence, index: int, penalty: LayerParameters, data_factors: Mapping[str, float]
) -> dict[str, Target]:
    """Return the submitted gradients of a layer by kind. penalty, data_factors: see `PenaltyHypothesis`."""
    return {
        part.kind: Target(part, getattr(penalty, part.kind), evidence, data_factors.get(part.kind, 1.0))
        for part in evidence.submitted_parts(index)
    }


def is_of_whole_network(bug: Bug, equation: str) -> bool:
    """True if a bug in this equation affects all layers alike."""
    return bug.in_whole_network or (bug.equation == "weight_gradient" and equation == "output_delta")
