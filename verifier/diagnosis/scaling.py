"""Scale problems with huge or tiny gradients by a power of two, so that squares stay in range.

A gradient is proportional to the loss's factor and the penalties' strengths. A power of two is exact.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.diagnosis.costs import MAX_UNSCALED_EXPONENT
from verifier.diagnosis.finding import Finding
from verifier.rounding import Rounding

# power of the gradient's unit in the unit of an estimate
_UNITS: Mapping[str, int] = {"threshold": 1, "strength": 1, "learning_rate": -1}


def power_for(right: Mapping[str, Array]) -> int:
    """Return k such that 2^k times the gradients is near 1; 0 if no scaling is needed."""
    largest = max((float(np.max(np.abs(array), initial=0.0)) for array in right.values()), default=0.0)
    if not np.isfinite(largest) or largest == 0.0:
        return 0
    exponent = int(np.frexp(largest)[1])
    return -exponent if abs(exponent) > MAX_UNSCALED_EXPONENT else 0


def scaled_problem(problem: Problem, power: int) -> Problem:
    """Return the problem with its loss and penalties multiplied by 2^power."""
    risk = problem.risk
    penalties = tuple(replace(p, strength=_times(p.strength, power)) for p in risk.penalties)
    return replace(problem, risk=replace(risk, factor=_times(risk.factor, power), penalties=penalties))


def scaled(arrays: Mapping[str, Array], power: int) -> dict[str, Array]:
    """Return all arrays multiplied by 2^power."""
    return {name: np.ldexp(array, power) for name, array in arrays.items()}


def scaled_rounding(rounding: Rounding, power: int) -> Rounding:
    """Return the rounding errors of the scaled problem."""
    return replace(
        rounding,
        allowances=lambda: scaled(rounding.allowance, power),
        scale=scaled(rounding.scale, power),
    )


def unscaled(finding: Finding, power: int) -> Finding:
    """Return a finding with its estimates in the units of the unscaled problem."""
    estimates = {
        name: _times(value, -power * _UNITS[name]) if name in _UNITS else value
        for name, value in finding.estimates.items()
    }
    return replace(finding, estimates=estimates)


def _times(value: float, power: int) -> float:
    return float(np.ldexp(value, power))
