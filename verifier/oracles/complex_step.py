"""The complex step at the nodes: δ_j = Im ℓ(a_j + ih) / h, with nothing subtracted and so nothing lost.

The network is evaluated from its textbook formulas over complex numbers; neither the derivatives nor the
stable real forms of the reference are used. Source: Squire & Trapp, SIAM Review 40 (1998), 110-112.
"""

import numpy as np

from reference_impl.losses import Penalty
from reference_impl.problem import Problem
from verifier.complex_slopes import STEP, linearise, responses
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.gradient_of_nodes import gradient_of_nodes
from verifier.rounding import Rounding

_TRUNCATED = 2.0**-180  # h² ℓ‴ / 6, where ℓ′ itself is 0


def gradient(problem: Problem, honest: Rounding) -> Answer:
    """Differentiate every example's loss along every unit, and the penalties along every weight.

    Error: an estimate, the rounding of honest float64 arithmetic on this problem (see `rounding.py`). Left
    out (infinite error) are entries that reach a unit exactly at a kink, where one step sees one side only.
    """
    deltas: list[Estimate] = []
    scale = problem.risk.output_scale(problem.batch.targets.shape[-1])
    with np.errstate(all="ignore"):
        found = linearise(problem)
        for layer, own in enumerate(problem.parameters):
            shape = (problem.batch.size, own.weight.shape[1])
            value, error = np.empty(shape), np.empty(shape)
            for units, slope, smooth in responses(problem, found, layer):
                value[:, units] = slope * scale
                lost = (np.abs(slope) * 2.0**-90 + _TRUNCATED) * abs(scale)
                error[:, units] = np.where(smooth, lost, np.inf)
            deltas.append(Estimate(value, error))
        penalties = [_penalty(problem, penalty) for penalty in problem.risk.penalties]
        of_nodes = gradient_of_nodes(problem, found.z, deltas, penalties)
    return Answer(
        {
            name: Estimate(estimate.value, estimate.error + honest.allowance[name])
            for name, estimate in of_nodes.items()
        },
        Uncertainty.ESTIMATE,
    )


def _penalty(problem: Problem, penalty: Penalty) -> dict[str, Estimate]:
    coefficient = penalty.coefficient(problem.batch.size)
    found: dict[str, Estimate] = {}
    for index, layer in enumerate(problem.parameters):
        kinds = {"weight": layer.weight} | ({"bias": layer.bias} if penalty.biases else {})
        for kind, w in kinds.items():
            if w is None:
                continue
            moved = w + 1j * STEP
            if penalty.norm == "l2":
                slope, error = (moved * moved).imag / STEP, np.zeros(w.shape)
            else:  # |w| = w or −w on either side of its kink
                slope, error = np.sign(w), np.where(w == 0, np.inf, 0.0)
            found[f"layers.{index}.{kind}"] = Estimate(coefficient * slope, error)
    return found
