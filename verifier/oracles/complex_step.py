"""The complex step at the units: δ_j = Im ℓ(a_j + ih) / h, without subtraction and so without cancellation.

The network is evaluated from its textbook formulas over complex numbers, without the derivatives and the
stable real forms of the reference. Source: Squire & Trapp, SIAM Review 40 (1998), 110-112.
"""

import numpy as np

from reference_impl.losses import Penalty
from reference_impl.problem import Problem
from verifier.engine.complex_slopes import STEP, linearise, responses
from verifier.engine.estimate import Answer, Estimate
from verifier.engine.lazy_products import gradient_from_deltas
from verifier.engine.rounding_allowance import Rounding
from verifier.report.model import Uncertainty

_TRUNCATION = 2.0**-180  # truncation error h² ℓ‴ / 6, for a derivative of 0


def gradient(problem: Problem, float64_rounding: Rounding) -> Answer:
    """Return the gradient, from derivatives of each example's loss along each unit and of the penalties.

    Error: an estimate, the rounding error of correct float64 arithmetic on this problem (see `rounding.py`).
    Entries that reach a unit exactly at a kink, where one step covers one side only, have an infinite error.
    """
    deltas: list[Estimate] = []
    scale = problem.output_scale
    with np.errstate(all="ignore"):
        linearised = linearise(problem)
        for layer, parameters in enumerate(problem.parameters):
            shape = (problem.batch.size, parameters.weight.shape[1])
            value, error = np.empty(shape), np.empty(shape)
            for units, slope, smooth in responses(problem, linearised, layer):
                value[:, units] = slope * scale
                rounding_error = (np.abs(slope) * 2.0**-90 + _TRUNCATION) * abs(scale)
                error[:, units] = np.where(smooth, rounding_error, np.inf)
            deltas.append(Estimate(value, error))
        penalties = [_penalty(problem, penalty) for penalty in problem.risk.penalties]
        estimates = gradient_from_deltas(problem, linearised.z, deltas, penalties)
    return Answer(
        {
            name: Estimate(estimate.value, estimate.error + float64_rounding.allowance[name])
            for name, estimate in estimates.items()
        },
        Uncertainty.ESTIMATE,
    )


def _penalty(problem: Problem, penalty: Penalty) -> dict[str, Estimate]:
    coefficient = penalty.coefficient(problem.batch.size)
    estimates: dict[str, Estimate] = {}
    for index, layer in enumerate(problem.parameters):
        kinds = {"weight": layer.weight} | ({"bias": layer.bias} if penalty.biases else {})
        for kind, w in kinds.items():
            if w is None:
                continue
            perturbed = w + 1j * STEP
            if penalty.norm == "l2":
                slope, error = (perturbed * perturbed).imag / STEP, np.zeros(w.shape)
            else:  # |w| is w or −w on either side of its kink
                slope, error = np.sign(w), np.where(w == 0, np.inf, 0.0)
            estimates[f"layers.{index}.{kind}"] = Estimate(coefficient * slope, error)
    return estimates
