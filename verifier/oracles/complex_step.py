"""The complex step at the nodes: δ_j = Im ℓ(a_j + ih) / h, with nothing subtracted and so nothing lost.

The network is evaluated from its textbook formulas over complex numbers; neither the derivatives nor the
stable real forms of the reference are used. Source: Squire & Trapp, SIAM Review 40 (1998), 110-112.
"""

import numpy as np

from reference_impl.activation import Activation, Kink
from reference_impl.array import Array
from reference_impl.problem import Problem, terms_of_last_layer
from reference_impl.risk import Penalty
from verifier.complex_field import COMPLEX
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.gradient_of_nodes import gradient_of_nodes
from verifier.node_perturbation import Arithmetic, every_unit, responses, run
from verifier.rounding import Rounding

_STEP = 2.0**-100  # its square vanishes beside 1, and no derivative of interest underflows
_TRUNCATED = 2.0**-180  # h² ℓ‴ / 6, where ℓ′ itself is 0


def gradient(problem: Problem, honest: Rounding) -> Answer:
    """Differentiate every example's loss along every unit, and the penalties along every weight.

    Error: an estimate, the rounding of honest float64 arithmetic on this problem (see `rounding.py`). Left
    out (infinite error) are entries that reach a unit exactly at a kink, where one step sees one side only.
    """
    deltas: list[Estimate] = []
    scale = problem.risk.output_scale(problem.batch.targets.shape[-1])
    with np.errstate(all="ignore"):
        preactivations, activations = run(problem, _COMPLEX)
        for layer, a in enumerate(preactivations):
            steps = np.full((1, *a.shape), 1j * _STEP)
            value, error = np.empty(a.shape), np.empty(a.shape)
            moves = every_unit(steps)
            for found in responses(
                problem, preactivations, activations, layer, a.shape[1], 1, moves, _COMPLEX
            ):
                units = found.moves
                # only now the scale: a small one times the step would underflow
                slope = found.losses[0].imag.T / _STEP
                value[:, units] = slope * scale
                lost = (np.abs(slope) * 2.0**-90 + _TRUNCATED) * abs(scale)
                error[:, units] = np.where(found.smooth.T, lost, np.inf)
            deltas.append(Estimate(value, error))
        penalties = [_penalty(problem, penalty) for penalty in problem.risk.penalties]
        real = [z.real for z in activations]
        found_gradient = gradient_of_nodes(problem, real, deltas, penalties)
    return Answer(
        {
            name: Estimate(estimate.value, estimate.error + honest.allowance[name])
            for name, estimate in found_gradient.items()
        },
        Uncertainty.ESTIMATE,
    )


def _activate(activation: Activation, a: Array) -> Array:
    return activation.formula(COMPLEX, a)


def _example_losses(problem: Problem, a: Array, outputs: Array) -> Array:
    terms, of_preactivation = terms_of_last_layer(problem)
    targets = problem.batch.targets
    values = terms.formula(COMPLEX, a if of_preactivation else outputs, targets).sum(axis=-1)
    return np.asarray(values)


def _crosses(kink: Kink, a: Array) -> Array:
    return np.asarray(((a.real == kink.at) & (a.imag != 0)).any(axis=(0, -1)))


_COMPLEX = Arithmetic(activate=_activate, example_losses=_example_losses, crosses=_crosses)


def _penalty(problem: Problem, penalty: Penalty) -> dict[str, Estimate]:
    coefficient = penalty.coefficient(problem.batch.size)
    found: dict[str, Estimate] = {}
    for index, layer in enumerate(problem.parameters):
        kinds = {"weight": layer.weight} | ({"bias": layer.bias} if penalty.biases else {})
        for kind, w in kinds.items():
            if w is None:
                continue
            moved = w + 1j * _STEP
            if penalty.norm == "l2":
                slope, error = (moved * moved).imag / _STEP, np.zeros(w.shape)
            else:  # |w| = w or −w on either side of its kink
                slope, error = np.sign(w), np.where(w == 0, np.inf, 0.0)
            found[f"layers.{index}.{kind}"] = Estimate(coefficient * slope, error)
    return found
