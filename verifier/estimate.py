"""A number never travels without its error, and the error says what it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from reference_impl.array import Array


class Allowing(Protocol):
    """What says how much honest arithmetic may lose, and of what, by the names of gradients."""

    @property
    def allowance(self) -> Mapping[str, Array]: ...

    @property
    def scale(self) -> Mapping[str, Array]: ...


class Uncertainty(StrEnum):
    """What an error means."""

    BOUND = "bound"  # the true value lies within it, proved
    ESTIMATE = "estimate"  # the true value is expected within it
    UNKNOWN = "unknown"  # nothing is known


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """value ± error, entry by entry, in one shape. An infinite error: this oracle cannot tell.

    slopes: where a kink makes a set of slopes right (the subdifferential), that set's half width about
    `value`, 0 elsewhere; None where there is no kink.
    """

    value: Array
    error: Array
    slopes: Array | None = None

    @property
    def reach(self) -> Array:
        """How far from `value` a right answer may be."""
        return self.error if self.slopes is None else self.error + self.slopes


class WithinRounding(Mapping[str, Estimate]):
    """Values whose errors are what honest arithmetic loses on the problem, worked out for whom they matter.

    The values `by_name` alone say enough where they lie within a bound that is known already.
    """

    def __init__(self, values: Mapping[str, Array], honest: Allowing) -> None:
        self.by_name = values
        self._honest = honest

    def __getitem__(self, name: str) -> Estimate:
        return Estimate(self.by_name[name], self._honest.allowance[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One oracle's answer to a problem.

    gradient: an Estimate for each parameter by name; empty where the oracle could not be asked.
    reason: why it could not be asked, or why entries are missing; empty otherwise.
    """

    gradient: Mapping[str, Estimate]
    uncertainty: Uncertainty
    reason: str = ""


def with_slopes_of(wider: Mapping[str, Estimate], reference: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Give the reference, but at kinks that a wider look reaches what that look says."""
    found: dict[str, Estimate] = {}
    for name, estimate in reference.items():
        slopes = wider[name].slopes
        if slopes is None:
            found[name] = estimate
            continue
        kinked = slopes > 0
        found[name] = Estimate(
            np.where(kinked, wider[name].value, estimate.value),
            np.where(kinked, wider[name].error, estimate.error),
            slopes,
        )
    return found
