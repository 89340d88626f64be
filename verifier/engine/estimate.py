"""Values with their errors, and the meaning of an error."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from reference_impl.array import Array
from verifier.report.model import Uncertainty


class RoundingAllowance(Protocol):
    """Rounding errors and scales of gradients, by name."""

    @property
    def allowance(self) -> Mapping[str, Array]: ...

    @property
    def scale(self) -> Mapping[str, Array]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """value ± error, entry by entry, in one shape. An infinite error marks an entry as unknown.

    subgradient_radius: half width of the subdifferential about `value` where a kink allows several slopes,
    0 elsewhere; None if there is no kink.
    """

    value: Array
    error: Array
    subgradient_radius: Array | None = None

    @property
    def half_width(self) -> Array:
        """Return the largest distance from `value` that a correct answer may have."""
        return self.error if self.subgradient_radius is None else self.error + self.subgradient_radius


@dataclass(frozen=True, eq=False)
class WithinRounding(Mapping[str, Estimate]):
    """Values whose errors are the rounding errors of the problem, computed only when they are needed.

    by_name: the values alone, for callers that compare them with a bound they already have.
    """

    by_name: Mapping[str, Array]
    float64_rounding: RoundingAllowance

    def __getitem__(self, name: str) -> Estimate:
        return Estimate(self.by_name[name], self.float64_rounding.allowance[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The answer of one oracle to a problem.

    gradient: an Estimate for each parameter by name; empty if the oracle could not run.
    reason: why it could not run, or why entries are missing; empty otherwise.
    """

    gradient: Mapping[str, Estimate]
    uncertainty: Uncertainty
    reason: str = ""


def with_wider_kinks(wider: Mapping[str, Estimate], reference: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Return the reference estimates, replaced by `wider` where that one covers a kink."""
    estimates: dict[str, Estimate] = {}
    for name, estimate in reference.items():
        subgradient_radius = wider[name].subgradient_radius
        if subgradient_radius is None:
            estimates[name] = estimate
            continue
        at_kink = subgradient_radius > 0
        estimates[name] = Estimate(
            np.where(at_kink, wider[name].value, estimate.value),
            np.where(at_kink, wider[name].error, estimate.error),
            subgradient_radius,
        )
    return estimates
