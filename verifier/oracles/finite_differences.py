"""Central finite differences at the nodes: what everybody checks gradients by, with its error beside it.

δ_j = (ℓ(a_j + h) − ℓ(a_j − h)) / 2h for each unit and example, h near the cube root of the machine epsilon,
where truncation and rounding balance (Press et al., Numerical Recipes, 3rd ed., section 5.7).
"""

import numpy as np

from reference_impl.activation import Activation, Kink
from reference_impl.array import Array
from reference_impl.network import forward
from reference_impl.problem import Problem, example_losses
from reference_impl.risk import NORMS, Penalty
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.gradient_of_nodes import gradient_of_nodes
from verifier.node_perturbation import Arithmetic, responses
from verifier.precision import PRECISIONS
from verifier.rounding import Rounding

_RELATIVE_STEP = 2.0**-17  # the cube root of 2**-52, a power of two so that a ± h loses little


def gradient(problem: Problem, honest: Rounding) -> Answer:
    """Differentiate every example's loss along every unit, and the penalties along every weight.

    Error: an estimate. Truncation: the whole change between the steps h and 2h (its leading term is three
    times the error of the smaller step). Rounding: both losses' own, over 2h. An entry is left out
    (infinite error) where a unit's sign differs between the sides, since a kink may lie between them.
    """
    trace = forward(problem.network, problem.parameters, problem.batch)
    noise = honest.example_losses
    preactivations, activations = list(trace.a), list(trace.z)
    deltas: list[Estimate] = []
    with np.errstate(all="ignore"):  # overflowing sides end in an infinite error
        for layer, a in enumerate(preactivations):
            h = _RELATIVE_STEP * np.maximum(np.abs(a), 1.0)
            sides = np.stack([h, -h, 2.0 * h, -2.0 * h])
            steps = (a + sides) - a  # what is really added
            value, error = np.empty_like(a), np.empty_like(a)
            for found in responses(problem, preactivations, activations, layer, steps, _REALS):
                units = slice(found.first, found.first + found.losses.shape[1])
                near = _difference(found.losses[0:2], steps[0:2, :, units])
                far = _difference(found.losses[2:4], steps[2:4, :, units])
                rounded = 2.0 * noise[:, None] / (steps[0] - steps[1])[:, units]
                value[:, units] = near
                error[:, units] = np.where(found.smooth.T, np.abs(far - near) + rounded, np.inf)
            deltas.append(Estimate(value, error))
        penalties = [_penalty_differences(problem, penalty) for penalty in problem.risk.penalties]
    found_gradient = gradient_of_nodes(problem, activations, deltas, penalties)
    return Answer(found_gradient, Uncertainty.ESTIMATE)


def _difference(losses: Array, steps: Array) -> Array:
    return np.asarray((losses[0] - losses[1]).T / (steps[0] - steps[1]))


def _crosses(kink: Kink, a: Array) -> Array:
    side = np.sign(a - kink.at)
    return np.asarray((side != side[:1]).any(axis=(0, -1)))


def _activate(activation: Activation, a: Array) -> Array:
    return activation.forward(a)


_REALS = Arithmetic(activate=_activate, example_losses=example_losses, crosses=_crosses)


def _penalty_differences(problem: Problem, penalty: Penalty) -> dict[str, Estimate]:
    """Differentiate a penalty along each weight of its own; it is a sum over weights."""
    coefficient = penalty.coefficient(problem.batch.size)
    norm = NORMS[penalty.norm]
    found: dict[str, Estimate] = {}
    for index, layer in enumerate(problem.parameters):
        kinds = {"weight": layer.weight} | ({"bias": layer.bias} if penalty.biases else {})
        for kind, w in kinds.items():
            if w is None:
                continue
            h = _RELATIVE_STEP * np.maximum(np.abs(w), 1.0)
            above, below = w + h, w - h
            difference = (norm.value(above) - norm.value(below)) / (above - below)
            unit = PRECISIONS["float64"].unit_roundoff
            error = unit * (4.0 * norm.value(np.abs(w) + h) / h + np.abs(difference))
            left_out = np.sign(above) != np.sign(below) if penalty.norm == "l1" else False
            found[f"layers.{index}.{kind}"] = Estimate(
                coefficient * difference, np.where(left_out, np.inf, abs(coefficient) * error)
            )
    return found
