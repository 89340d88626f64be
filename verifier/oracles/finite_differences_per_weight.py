"""Central finite differences of the whole risk, one weight at a time: nothing assumed, every weight moved.

(R(w + h) − R(w − h)) / 2h. Moving w_ij by h moves unit j's pre-activation by h z_i in every example; from
there on the network runs again. Costs two forward passes a weight, so it is asked by name only.
"""

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.differences import RELATIVE_STEP, SIDES_LOSE, penalty_differences
from verifier.estimate import Answer, Estimate, Uncertainty
from verifier.node_perturbation import Moves, chunks_of, moves_of, responded, responses
from verifier.rounding import Rounding
from verifier.side_by_side import side_by_side

_SIDES = np.array([1.0, -1.0])
_SIDES_OF_UNITS = np.array([1.0, -1.0, 0.5, -0.5])
_LEADS = 0.1  # of differences: what all orders but the lowest may make of them
_CHUNK = 1 << 18  # numbers in one intermediate array: threads wait for each other's Python less often


def gradient(problem: Problem, honest: Rounding) -> Answer:
    """Differentiate the risk along every weight and bias, on as many cores as BLAS may use.

    Error: an estimate of both risks' rounding, and of truncation, h² R‴ / 6 to leading order, of which it
    takes three times. R‴ along a weight is put together from the units': each example's third derivative
    along a unit, times what the weight moves it by. Left out (infinite error) are weights for
    which some unit's sign differs between the sides, in any example, or which may move it too far to tell.
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
    lost = _truncated(problem, honest, layer, inputs, w)
    return Estimate(value.reshape(w.shape), error.reshape(w.shape) + scale * lost)


def _truncated(problem: Problem, honest: Rounding, layer: int, inputs: Array, w: Array) -> Array:
    """Give h² Σₙ |ℓₙ‴| / 2 along each weight, for its step h. Shape: (in, out).

    By a third difference at every unit of every example, over the most that any of its weights may move it:
    f(s) − f(−s) − 2 (f(s/2) − f(−s/2)) = s³ f‴ / 4 to leading order. A smaller move takes the square of its
    share of that, in place of the cube, since f″ may jump (elu at 0). Where differences of s are so far from
    twice, or four times, those of s/2 that other orders lead, nothing is known of smaller moves (infinite).
    """
    largest, heaviness = np.abs(inputs).max(axis=1, keepdims=True), np.maximum(np.abs(w), 1.0)
    heaviest = heaviness.max(axis=0)
    a, middle = honest.trace.a[layer], honest.losses
    steps = _SIDES_OF_UNITS[:, None, None] * (RELATIVE_STEP * largest * heaviest)
    bends, unknown = np.zeros_like(a), np.zeros_like(a)
    moves = moves_of(steps, np.arange(a.shape[1]))
    for found in responses(problem, honest.trace, layer, a.shape[1], len(_SIDES_OF_UNITS), moves):
        above, below, half_above, half_below = found.losses
        odd, even = above - below, above + below - 2.0 * middle
        bent = np.abs(odd - 2.0 * (half_above - half_below))
        other = np.abs(even - 4.0 * (half_above + half_below - 2.0 * middle))
        rounded = 8.0 * SIDES_LOSE * (np.abs(above) + np.abs(below))
        leads = found.smooth & (bent + other <= _LEADS * (np.abs(odd) + np.abs(even)) + rounded)
        bends[:, found.moves], unknown[:, found.moves] = 4.0 * bent.T, ~leads.T
    share = np.divide(np.abs(inputs), largest, out=np.zeros_like(inputs), where=largest > 0)
    known = np.where(unknown > 0, 0.0, bends)
    lost = np.square(share).T @ known * np.square(heaviness / heaviest) / (2.0 * RELATIVE_STEP * heaviness)
    return np.where((share > 0).T.astype(np.float64) @ unknown > 0, np.inf, lost)
