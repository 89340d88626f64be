"""Central finite differences of the whole risk, one weight at a time: nothing assumed, every weight moved.

(R(w + h) − R(w − h)) / 2h. Moving w_ij by h moves unit j's pre-activation by h z_i in every example; from
there on the network runs again. Costs a forward pass a weight, so it is asked by name only.
"""

from functools import partial

import numpy as np

from reference_impl.array import Array
from reference_impl.network import forward
from reference_impl.problem import Problem, example_losses
from verifier.differences import RELATIVE_STEP, SIDES, penalty_differences, slopes
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.node_perturbation import Moves, responses
from verifier.rounding import Rounding


def gradient(problem: Problem, honest: Rounding) -> Answer:
    """Differentiate the risk along every weight and bias.

    Error: an estimate of truncation and of both risks' rounding (see `differences.py`). Left out (infinite
    error) are weights for which some unit's sign differs between the
    sides, in any example.
    """
    trace = forward(problem.network, problem.parameters, problem.batch)
    found: dict[str, Estimate] = {}
    with np.errstate(all="ignore"):
        for layer, own in enumerate(problem.parameters):
            parts = {"weight": (own.weight, trace.z[layer])}
            if own.bias is not None:
                parts["bias"] = (own.bias[None, :], np.ones((problem.batch.size, 1)))
            for kind, (w, z) in parts.items():
                estimate = _of_matrix(problem, list(trace.a), list(trace.z), layer, w, z, honest.loss)
                shape = own.weight.shape if kind == "weight" else (w.size,)
                found[f"layers.{layer}.{kind}"] = Estimate(
                    estimate.value.reshape(shape), estimate.error.reshape(shape)
                )
        for penalty in problem.risk.penalties:
            for name, part in penalty_differences(problem, penalty).items():
                found[name] = Estimate(found[name].value + part.value, found[name].error + part.error)
    return Answer(found, Uncertainty.ESTIMATE)


def _of_matrix(
    problem: Problem, a: list[Array], z: list[Array], layer: int, w: Array, inputs: Array, noise: float
) -> Estimate:
    """Shapes: w (in, out), inputs (N, in); a bias is a row of weights on inputs of 1."""
    flat = w.ravel()
    steps = (flat + np.array(SIDES)[:, None] * RELATIVE_STEP * np.maximum(np.abs(flat), 1.0)) - flat
    value, error = np.empty(flat.size), np.empty(flat.size)
    moves = partial(_moves, steps, inputs, w.shape[1])
    scale = problem.risk.example_scale(problem.batch.size)
    middle = float(example_losses(problem, a[-1], z[-1]).sum()) * scale
    for found in responses(problem, a, z, layer, flat.size, len(SIDES), moves):
        chunk = found.moves
        risks = found.losses.sum(axis=-1) * scale
        value[chunk], lost = slopes(risks, middle, steps[:, chunk], noise)
        error[chunk] = np.where(found.smooth.all(axis=-1), lost, np.inf)
    return Estimate(value, error)


def _moves(steps: Array, inputs: Array, outputs: int, chunk: slice) -> Moves:
    weights = np.arange(chunk.start, chunk.stop)
    return Moves(weights % outputs, steps[:, chunk, None] * inputs.T[weights // outputs])
