"""Problems whose gradients are huge or tiny, brought to ordinary size: squares of numbers must stay numbers.

A gradient is proportional to the loss's factor and the penalties' strengths; a power of two changes no digit.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.diagnosis.finding import Finding
from verifier.rounding import Rounding

_ORDINARY = 200  # binary orders of magnitude, up or down, that need no scaling
# estimates that are in units of a gradient, or of one over it
_UNITS: Mapping[str, int] = {"threshold": 1, "strength": 1, "learning_rate": -1}


def power_for(right: Mapping[str, Array]) -> int:
    """Give k such that 2^k times the gradients are of ordinary size; 0 where they are."""
    largest = max((float(np.max(np.abs(array), initial=0.0)) for array in right.values()), default=0.0)
    if not np.isfinite(largest) or largest == 0.0:
        return 0
    exponent = int(np.frexp(largest)[1])
    return -exponent if abs(exponent) > _ORDINARY else 0


def scaled_problem(problem: Problem, power: int) -> Problem:
    """Multiply the loss and its penalties by 2^power."""
    risk = problem.risk
    penalties = tuple(replace(own, strength=_times(own.strength, power)) for own in risk.penalties)
    return replace(problem, risk=replace(risk, factor=_times(risk.factor, power), penalties=penalties))


def scaled(arrays: Mapping[str, Array], power: int) -> dict[str, Array]:
    return {name: np.ldexp(array, power) for name, array in arrays.items()}


def scaled_rounding(rounding: Rounding, power: int) -> Rounding:
    return replace(
        rounding,
        allowances=lambda: scaled(rounding.allowance, power),
        scale=scaled(rounding.scale, power),
    )


def unscaled(finding: Finding, power: int) -> Finding:
    """Give a finding's estimates in the units of the problem as it was."""
    estimates = {
        name: _times(value, -power * _UNITS[name]) if name in _UNITS else value
        for name, value in finding.estimates.items()
    }
    return replace(finding, estimates=estimates)


def _times(value: float, power: int) -> float:
    return float(np.ldexp(value, power))
