"""Central finite differences at the units, with error estimates.

δ_j = (ℓ(a_j + h) − ℓ(a_j − h)) / 2h for each unit and example, with h near the cube root of the machine
epsilon, where truncation and rounding errors balance (Press et al., Numerical Recipes, 3rd ed., section 5.7).
"""

import numpy as np

from reference_impl.problem import Problem
from verifier.engine.estimate import Answer, Estimate
from verifier.engine.lazy_products import gradient_from_deltas
from verifier.engine.perturbation import (
    RELATIVE_STEP,
    SIDES,
    moves_of,
    penalty_differences,
    responses,
    sampled_units,
    slopes,
    told,
)
from verifier.engine.rounding_allowance import Rounding
from verifier.report.model import Uncertainty

_SIDES = np.array(SIDES)[:, None, None]


def gradient(problem: Problem, float64_rounding: Rounding) -> Answer:
    """Return the gradient, from derivatives of each example's loss along each unit and of the penalties.

    Error: an estimate of truncation and of the rounding of both losses (see `differences.py`). It is infinite
    where a kink may lie between the two sides, and, beyond a budget, at units that were not sampled (see
    `sampled_units.py`).
    """
    trace = float64_rounding.trace
    middle, noise = float64_rounding.losses[:, None], float64_rounding.example_losses[:, None]
    samples = sampled_units(problem, len(SIDES))
    deltas: list[Estimate] = []
    with np.errstate(all="ignore"):  # overflow ends in an infinite error
        for layer, a in enumerate(trace.a):
            h = RELATIVE_STEP * np.maximum(np.abs(a), 1.0)
            steps = (a + _SIDES * h) - a  # the steps that are added after rounding
            value, error = np.zeros_like(a), np.full_like(a, np.inf)
            sampled = samples[layer].units
            moves, count = moves_of(steps, sampled), len(sampled)
            for chunk in responses(problem, trace, layer, count, len(SIDES), moves):
                units = sampled[chunk.moves]
                losses, unit_steps = chunk.losses.swapaxes(1, 2), steps[:, :, units]
                value[:, units], difference_error = slopes(losses, middle, unit_steps, noise)
                error[:, units] = np.where(chunk.smooth.T, difference_error, np.inf)
            deltas.append(Estimate(value, error))
        penalties = [penalty_differences(problem, penalty) for penalty in problem.risk.penalties]
    estimates = gradient_from_deltas(problem, trace.z, deltas, penalties)
    return Answer(estimates, Uncertainty.ESTIMATE, told(samples))
