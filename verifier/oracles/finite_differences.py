"""Central finite differences at the nodes: what everybody checks gradients by, with its error beside it.

δ_j = (ℓ(a_j + h) − ℓ(a_j − h)) / 2h for each unit and example, h near the cube root of the machine epsilon,
where truncation and rounding balance (Press et al., Numerical Recipes, 3rd ed., section 5.7).
"""

import numpy as np

from reference_impl.problem import Problem
from verifier.differences import RELATIVE_STEP, SIDES, penalty_differences, slopes
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.gradient_of_nodes import gradient_of_nodes
from verifier.node_perturbation import moves_of, responses
from verifier.rounding import Rounding
from verifier.sampled_units import sampled_units, told

_SIDES = np.array(SIDES)[:, None, None]


def gradient(problem: Problem, honest: Rounding) -> Answer:
    """Differentiate every example's loss along every unit, and the penalties along every weight.

    Error: an estimate of truncation and of both losses' rounding (see `differences.py`). An entry is left out
    (infinite error) where a unit's sign differs between the sides, since a kink may lie between them, and
    beyond a budget at units that were not drawn (see `sampled_units.py`).
    """
    trace = honest.trace
    middle, noise = honest.losses[:, None], honest.example_losses[:, None]
    samples = sampled_units(problem, len(SIDES))
    deltas: list[Estimate] = []
    with np.errstate(all="ignore"):  # overflowing sides end in an infinite error
        for layer, a in enumerate(trace.a):
            h = RELATIVE_STEP * np.maximum(np.abs(a), 1.0)
            steps = (a + _SIDES * h) - a  # what is really added
            value, error = np.zeros_like(a), np.full_like(a, np.inf)
            looked_at = samples[layer].units
            moves, count = moves_of(steps, looked_at), len(looked_at)
            for found in responses(problem, trace, layer, count, len(SIDES), moves):
                units = looked_at[found.moves]
                losses, own = found.losses.swapaxes(1, 2), steps[:, :, units]
                value[:, units], lost = slopes(losses, middle, own, noise)
                error[:, units] = np.where(found.smooth.T, lost, np.inf)
            deltas.append(Estimate(value, error))
        penalties = [penalty_differences(problem, penalty) for penalty in problem.risk.penalties]
    found_gradient = gradient_of_nodes(problem, trace.z, deltas, penalties)
    return Answer(found_gradient, Uncertainty.ESTIMATE, told(samples))
