"""Central differences over the stable real forms: steps, penalties."""

import numpy as np

from reference_impl.array import Array
from reference_impl.losses import NORMS, Penalty
from reference_impl.problem import Problem
from verifier.estimate import Estimate
from verifier.precision import PRECISIONS

RELATIVE_STEP = 2.0**-17  # the cube root of 2**-52, a power of two so that a ± h loses little
SIDES = (1.0, -1.0, 2.0)  # multiples of the step
SIDES_LOSE = 2.0**-50  # of the losses on both sides: their own rounding, where the unmoved loss is 0


def slopes(losses: Array, middle: Array | float, steps: Array, noise: Array | float) -> tuple[Array, Array]:
    """Give (ℓ(h) − ℓ(−h)) / 2h and its error; the first axis of losses and steps has the sides `SIDES`.

    middle: ℓ(0). noise: what each loss may be off by. Truncation is ℓ‴ h²/6 to leading order; the error takes
    three times that, h³ ℓ‴ being the third difference ℓ(2h) − 3 ℓ(h) + 3 ℓ(0) − ℓ(−h).
    """
    above, below, beyond = losses
    width = steps[0] - steps[1]
    bent = np.abs(beyond - 3.0 * (above - middle) - below)
    rounded = 2.0 * noise + SIDES_LOSE * (np.abs(above) + np.abs(below))
    return np.asarray((above - below) / width), np.asarray((bent + rounded) / width)


def penalty_differences(problem: Problem, penalty: Penalty) -> dict[str, Estimate]:
    """Differentiate a penalty along each weight of its own; it is a sum over weights."""
    coefficient = penalty.coefficient(problem.batch.size)
    norm = NORMS[penalty.norm]
    found: dict[str, Estimate] = {}
    for index, layer in enumerate(problem.parameters):
        kinds = {"weight": layer.weight} | ({"bias": layer.bias} if penalty.biases else {})
        for kind, w in kinds.items():
            if w is None:
                continue
            h = RELATIVE_STEP * np.maximum(np.abs(w), 1.0)
            above, below = w + h, w - h
            difference = (norm.value(above) - norm.value(below)) / (above - below)
            unit = PRECISIONS["float64"].unit_roundoff
            error = unit * (4.0 * norm.value(np.abs(w) + h) / h + np.abs(difference))
            left_out = np.sign(above) != np.sign(below) if penalty.norm == "l1" else False
            found[f"layers.{index}.{kind}"] = Estimate(
                coefficient * difference, np.where(left_out, np.inf, abs(coefficient) * error)
            )
    return found
