"""Central differences of losses and penalties, with error estimates."""

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import NORMS, Penalty
from reference_impl.problem import Problem
from verifier.estimate import Estimate
from verifier.precision import PRECISIONS

RELATIVE_STEP = 2.0**-17  # the cube root of 2**-52, a power of two so that a ± h rounds little
SIDES = (1.0, -1.0, 2.0)  # evaluation points, in multiples of the step
SIDES_LOSE = 2.0**-50  # relative rounding error of the losses on both sides, for a loss of 0 at the middle


def slopes(losses: Array, middle: Array | float, steps: Array, noise: Array | float) -> tuple[Array, Array]:
    """Return (ℓ(h) − ℓ(−h)) / 2h and its error.

    losses, steps: the first axis has the points `SIDES`. middle: ℓ(0). noise: the error of each loss. The
    truncation error is ℓ‴ h²/6 to leading order. The estimate takes three times that, with h³ ℓ‴ from the
    third difference ℓ(2h) − 3 ℓ(h) + 3 ℓ(0) − ℓ(−h).
    """
    f_plus, f_minus, f_plus2 = losses
    width = steps[0] - steps[1]
    truncation = np.abs(f_plus2 - 3.0 * (f_plus - middle) - f_minus)
    roundoff = 2.0 * noise + SIDES_LOSE * (np.abs(f_plus) + np.abs(f_minus))
    return np.asarray((f_plus - f_minus) / width), np.asarray((truncation + roundoff) / width)


def penalty_differences(problem: Problem, penalty: Penalty) -> dict[str, Estimate]:
    """Return the derivative of a penalty along each of its weights, by central differences."""
    coefficient = penalty.coefficient(problem.batch.size)
    norm = NORMS[penalty.norm]
    estimates: dict[str, Estimate] = {}
    for index, layer in enumerate(problem.parameters):
        kinds = {"weight": layer.weight} | ({"bias": layer.bias} if penalty.biases else {})
        for kind, w in kinds.items():
            if w is None:
                continue
            h = RELATIVE_STEP * np.maximum(np.abs(w), 1.0)
            w_plus, w_minus = w + h, w - h
            difference = (norm.value(w_plus) - norm.value(w_minus)) / (w_plus - w_minus)
            unit = PRECISIONS["float64"].unit_roundoff
            error = unit * (4.0 * norm.value(np.abs(w) + h) / h + np.abs(difference))
            crosses_kink = np.sign(w_plus) != np.sign(w_minus) if penalty.norm == "l1" else False
            estimates[f"layers.{index}.{kind}"] = Estimate(
                coefficient * difference, np.where(crosses_kink, np.inf, abs(coefficient) * error)
            )
    return estimates
