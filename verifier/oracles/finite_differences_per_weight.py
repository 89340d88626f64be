"""Central finite differences of the whole risk, one weight at a time: nothing assumed, every weight moved.

(R(w + h) − R(w − h)) / 2h. Moving w_ij by h moves unit j's pre-activation by h z_i in every example; from
there on the network runs again. Costs two forward passes a weight, so it is asked by name only.
"""

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.differences import RELATIVE_STEP, SIDES_LOSE, penalty_differences
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.node_perturbation import Moves, chunks_of, moves_of, responded, responses
from verifier.rounding import Rounding
from verifier.side_by_side import side_by_side

_SIDES = np.array([1.0, -1.0])
_SIDES_OF_UNITS = np.array([1.0, -1.0, 0.5, -0.5])
_CHUNK = 1 << 18  # numbers in one intermediate array: threads wait for each other's Python less often


def gradient(problem: Problem, honest: Rounding) -> Answer:
    """Differentiate the risk along every weight and bias, on as many cores as BLAS may use.

    Error: an estimate of both risks' rounding, and of truncation, h² R‴ / 6 to leading order, of which it
    takes three times. R‴ along a weight is put together from the units': each example's third derivative
    along a unit times the cube of what the weight moves it by. Left out (infinite error) are weights for
    which some unit's sign differs between the sides, in any example.
    """
    found: dict[str, Estimate] = {}
    with np.errstate(all="ignore"):
        for layer, own in enumerate(problem.parameters):
            of_layer = _of_layer(problem, honest, layer)
            rows = own.weight.shape[0]
            found[f"layers.{layer}.weight"] = Estimate(of_layer.value[:rows], of_layer.error[:rows])
            if own.bias is not None:
                found[f"layers.{layer}.bias"] = Estimate(of_layer.value[rows], of_layer.error[rows])
        for penalty in problem.risk.penalties:
            for name, part in penalty_differences(problem, penalty).items():
                found[name] = Estimate(found[name].value + part.value, found[name].error + part.error)
    return Answer(found, Uncertainty.ESTIMATE)


def _of_layer(problem: Problem, honest: Rounding, layer: int) -> Estimate:
    """Give (in, out) weights; a bias is a last row of weights, on inputs of 1."""
    own, trace = problem.parameters[layer], honest.trace
    w, inputs = own.weight, trace.z[layer]
    if own.bias is not None:
        w, inputs = np.vstack([w, own.bias]), np.hstack([inputs, np.ones((len(inputs), 1))])
    flat, units = w.ravel(), w.shape[1]
    steps = (flat + _SIDES[:, None] * RELATIVE_STEP * np.maximum(np.abs(flat), 1.0)) - flat
    width = steps[0] - steps[1]
    value, error = np.empty(flat.size), np.empty(flat.size)
    scale = problem.risk.example_scale(problem.batch.size)

    def differentiate(chunk: slice) -> None:
        weights = np.arange(chunk.start, chunk.stop)
        moved = steps[:, chunk, None] * inputs.T[weights // units]
        found = responded(problem, trace, layer, chunk, Moves(weights % units, moved))
        above, below = found.losses.sum(axis=-1) * scale
        value[chunk] = (above - below) / width[chunk]
        rounded = 2.0 * honest.loss + SIDES_LOSE * (np.abs(above) + np.abs(below))
        error[chunk] = np.where(found.smooth.all(axis=-1), rounded / width[chunk], np.inf)

    side_by_side(differentiate, list(chunks_of(problem, layer, flat.size, len(_SIDES), _CHUNK)))
    lost = _truncated(problem, trace, layer, inputs) * np.maximum(np.abs(w), 1.0) ** 2
    return Estimate(value.reshape(w.shape), error.reshape(w.shape) + scale * lost)


def _truncated(problem: Problem, trace: Trace, layer: int, inputs: Array) -> Array:
    """Give h² Σₙ |ℓₙ‴| / 2 along each weight, for the step h = RELATIVE_STEP. Shape: (in, out).

    By a third difference at every unit of every example, over what the largest of its inputs moves it by:
    f(s) − f(−s) − 2 (f(s/2) − f(−s/2)) = s³ f‴ / 4 to leading order.
    """
    largest = np.abs(inputs).max(axis=1, keepdims=True)
    a = trace.a[layer]
    steps = (_SIDES_OF_UNITS[:, None, None] * RELATIVE_STEP * largest) * np.ones_like(a)
    cubes, unknown = np.zeros_like(a), np.zeros_like(a)
    moves = moves_of(steps, np.arange(a.shape[1]))
    for found in responses(problem, trace, layer, a.shape[1], len(_SIDES_OF_UNITS), moves):
        above, below, half_above, half_below = found.losses
        cubes[:, found.moves] = 4.0 * np.abs(above - below - 2.0 * (half_above - half_below)).T
        unknown[:, found.moves] = ~found.smooth.T
    share = np.divide(np.abs(inputs), largest, out=np.zeros_like(inputs), where=largest > 0)
    known = np.where(unknown > 0, 0.0, cubes)
    lost = (share**3).T @ known / (2.0 * RELATIVE_STEP)
    return np.where((share > 0).T.astype(np.float64) @ unknown > 0, np.inf, lost)
