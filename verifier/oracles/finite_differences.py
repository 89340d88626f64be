"""Central finite differences at the units, with error estimates.

δ_j = (ℓ(a_j + h) − ℓ(a_j − h)) / 2h for each unit and example, with h near the cube root of the machine
epsilon, where truncation and rounding errors balance (Press et al., Numerical Recipes, 3rd ed., section 5.7).
"""

import numpy as np

from reference_impl.problem import Problem
from verifier.engine.estimate import Answer
from verifier.engine.lazy_products import gradient_from_deltas
from verifier.engine.perturbation import penalty_differences, sampled_units, sampling_note, unit_slopes
from verifier.engine.rounding_allowance import Rounding
from verifier.report.model import Uncertainty


def gradient(problem: Problem, float64_rounding: Rounding) -> Answer:
    """Return the gradient, from derivatives of each example's loss along each unit and of the penalties.

    Error: an estimate of truncation and of the rounding of both losses (see `central_difference`). It is
    infinite where a kink may lie between the two sides, and, beyond a budget, at units that were not sampled
    (see `sampled_units`).
    """
    trace = float64_rounding.trace
    middle, noise = float64_rounding.losses[:, None], float64_rounding.loss_errors[:, None]
    samples = sampled_units(problem)
    with np.errstate(all="ignore"):  # overflow ends in an infinite error
        deltas = [
            unit_slopes(problem, trace, layer, sample.units, middle, noise)
            for layer, sample in enumerate(samples)
        ]
        penalties = [penalty_differences(problem, penalty) for penalty in problem.risk.penalties]
    estimates = gradient_from_deltas(problem, trace.z, deltas, penalties)
    return Answer(estimates, Uncertainty.ESTIMATE, sampling_note(samples))
