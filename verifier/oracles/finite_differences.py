"""Central finite differences at the nodes: what everybody checks gradients by, with its error beside it.

δ_j = (ℓ(a_j + h) − ℓ(a_j − h)) / 2h for each unit and example, h near the cube root of the machine epsilon,
where truncation and rounding balance (Press et al., Numerical Recipes, 3rd ed., section 5.7).
"""

import numpy as np

from reference_impl.network import forward
from reference_impl.problem import Problem, example_losses
from verifier.differences import RELATIVE_STEP, SIDES_LOSE, penalty_differences
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.gradient_of_nodes import gradient_of_nodes
from verifier.node_perturbation import moves_of, responses
from verifier.rounding import Rounding
from verifier.sampled_units import sampled_units, told

_SIDES = 3


def gradient(problem: Problem, honest: Rounding) -> Answer:
    """Differentiate every example's loss along every unit, and the penalties along every weight.

    Error: an estimate. Truncation, ℓ‴ h²/6 to leading order: three times that, h³ ℓ‴ being the third
    difference ℓ(2h) − 3 ℓ(h) + 3 ℓ(0) − ℓ(−h). Rounding: both losses' own, over 2h. An entry is left out
    (infinite error) where a unit's sign differs between the sides, since a kink may lie between them, and
    beyond a budget at units that were not drawn (see `sampled_units.py`).
    """
    trace = forward(problem.network, problem.parameters, problem.batch)
    noise, middle = honest.example_losses, example_losses(problem, trace.a[-1], trace.outputs)[:, None]
    preactivations, activations = list(trace.a), list(trace.z)
    samples = sampled_units(problem, _SIDES)
    deltas: list[Estimate] = []
    with np.errstate(all="ignore"):  # overflowing sides end in an infinite error
        for layer, a in enumerate(preactivations):
            h = RELATIVE_STEP * np.maximum(np.abs(a), 1.0)
            sides = np.stack([h, -h, 2.0 * h])
            steps = (a + sides) - a  # what is really added
            value, error = np.zeros_like(a), np.full_like(a, np.inf)
            looked_at = samples[layer].units
            moves, count = moves_of(steps, looked_at), len(looked_at)
            for found in responses(problem, preactivations, activations, layer, count, _SIDES, moves):
                units = looked_at[found.moves]
                above, below, beyond = found.losses.swapaxes(1, 2)
                width = (steps[0] - steps[1])[:, units]
                bent = np.abs(beyond - 3.0 * (above - middle) - below)
                rounded = 2.0 * noise[:, None] + SIDES_LOSE * (np.abs(above) + np.abs(below))
                value[:, units] = (above - below) / width
                error[:, units] = np.where(found.smooth.T, (bent + rounded) / width, np.inf)
            deltas.append(Estimate(value, error))
        penalties = [penalty_differences(problem, penalty) for penalty in problem.risk.penalties]
    found_gradient = gradient_of_nodes(problem, activations, deltas, penalties)
    return Answer(found_gradient, Uncertainty.ESTIMATE, told(samples))
