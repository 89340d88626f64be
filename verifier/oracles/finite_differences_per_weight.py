"""Central finite differences of the whole risk, one weight at a time, without the chain rule.

(R(w + h) − R(w − h)) / 2h. A step h of w_ij moves the pre-activation of unit j by h z_i in every example;
from there on the network runs again. It costs two forward passes per weight, so it only runs on request.
"""

import numpy as np

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.engine.estimate import Answer, Estimate
from verifier.engine.perturbation import (
    RELATIVE_STEP,
    SIDES_LOSE,
    Moves,
    chunks_of,
    moves_of,
    penalty_differences,
    responded,
    responses,
)
from verifier.engine.rounding_allowance import Rounding
from verifier.engine.threads import side_by_side
from verifier.report.model import Uncertainty

_SIDES = np.array([1.0, -1.0])
_SIDES_OF_UNITS = np.array([1.0, -1.0, 0.5, -0.5])
_DOMINATES = 0.1  # relative: bound on higher orders, for the lowest order of a difference to dominate
_CHUNK = 1 << 18  # numbers in one intermediate array; larger chunks mean less contention for the GIL


def gradient(problem: Problem, float64_rounding: Rounding) -> Answer:
    """Return the derivative of the risk along every weight and bias, on as many cores as BLAS may use.

    Error: an estimate of the rounding of both risks, and of truncation, h² R‴ / 6 to leading order, taken
    three times. R‴ along a weight is composed of each example's third derivative along a unit, times the
    distance that the weight moves it. The error is infinite where a kink may lie between the two sides in any
    example, and where the perturbation is too large for the estimate.
    """
    estimates: dict[str, Estimate] = {}
    with np.errstate(all="ignore"):
        for layer, parameters in enumerate(problem.parameters):
            layer_estimate = _layer_estimate(problem, float64_rounding, layer)
            rows = parameters.weight.shape[0]
            estimates[f"layers.{layer}.weight"] = Estimate(
                layer_estimate.value[:rows], layer_estimate.error[:rows]
            )
            if parameters.bias is not None:
                estimates[f"layers.{layer}.bias"] = Estimate(
                    layer_estimate.value[rows], layer_estimate.error[rows]
                )
        for penalty in problem.risk.penalties:
            for name, penalty_estimate in penalty_differences(problem, penalty).items():
                estimates[name] = Estimate(
                    estimates[name].value + penalty_estimate.value,
                    estimates[name].error + penalty_estimate.error,
                )
    return Answer(estimates, Uncertainty.ESTIMATE)


def _layer_estimate(problem: Problem, float64_rounding: Rounding, layer: int) -> Estimate:
    """Return the derivatives along the weights, (in, out).

    A bias is a last row of weights, for inputs of 1.
    """
    parameters, trace = problem.parameters[layer], float64_rounding.trace
    w, inputs = parameters.weight, trace.z[layer]
    if parameters.bias is not None:
        w, inputs = np.vstack([w, parameters.bias]), np.hstack([inputs, np.ones((len(inputs), 1))])
    flat, units = w.ravel(), w.shape[1]
    steps = (flat + _SIDES[:, None] * RELATIVE_STEP * np.maximum(np.abs(flat), 1.0)) - flat
    width = steps[0] - steps[1]
    value, error = np.empty(flat.size), np.empty(flat.size)
    scale = problem.example_scale

    def differentiate(chunk: slice) -> None:
        weights = np.arange(chunk.start, chunk.stop)
        unit_steps = steps[:, chunk, None] * inputs.T[weights // units]
        chunk_responses = responded(problem, trace, layer, chunk, Moves(weights % units, unit_steps))
        risk_plus, risk_minus = chunk_responses.losses.sum(axis=-1) * scale
        value[chunk] = (risk_plus - risk_minus) / width[chunk]
        roundoff = 2.0 * float64_rounding.risk_error + SIDES_LOSE * (np.abs(risk_plus) + np.abs(risk_minus))
        error[chunk] = np.where(chunk_responses.smooth.all(axis=-1), roundoff / width[chunk], np.inf)

    side_by_side(differentiate, list(chunks_of(problem, layer, flat.size, len(_SIDES), _CHUNK)))
    truncation = _truncation(problem, float64_rounding, layer, inputs, w)
    return Estimate(value.reshape(w.shape), error.reshape(w.shape) + scale * truncation)


def _truncation(problem: Problem, float64_rounding: Rounding, layer: int, inputs: Array, w: Array) -> Array:
    """Return h² Σₙ |ℓₙ‴| / 2 along each weight, for its step h. Shape: (in, out).

    From a third difference at every unit of every example, over the largest step that any of its weights
    makes: f(s) − f(−s) − 2 (f(s/2) − f(−s/2)) = s³ f‴ / 4 to leading order. A smaller step takes the square
    of its share instead of the cube, since f″ may jump (elu at 0). Where differences over s are so far from
    twice, or four times, those over s/2 that other orders dominate, the error of smaller steps is infinite.
    """
    largest_inputs, sizes = np.abs(inputs).max(axis=1, keepdims=True), np.maximum(np.abs(w), 1.0)
    largest_sizes = sizes.max(axis=0)
    a, middle = float64_rounding.trace.a[layer], float64_rounding.losses
    steps = _SIDES_OF_UNITS[:, None, None] * (RELATIVE_STEP * largest_inputs * largest_sizes)
    third_differences, unknown = np.zeros_like(a), np.zeros_like(a)
    perturbations = moves_of(steps, np.arange(a.shape[1]))
    for chunk in responses(
        problem, float64_rounding.trace, layer, a.shape[1], len(_SIDES_OF_UNITS), perturbations
    ):
        f_plus, f_minus, f_half_plus, f_half_minus = chunk.losses
        odd, even = f_plus - f_minus, f_plus + f_minus - 2.0 * middle
        odd_remainder = np.abs(odd - 2.0 * (f_half_plus - f_half_minus))
        even_remainder = np.abs(even - 4.0 * (f_half_plus + f_half_minus - 2.0 * middle))
        roundoff = 8.0 * SIDES_LOSE * (np.abs(f_plus) + np.abs(f_minus))
        dominates = chunk.smooth & (
            odd_remainder + even_remainder <= _DOMINATES * (np.abs(odd) + np.abs(even)) + roundoff
        )
        third_differences[:, chunk.moves], unknown[:, chunk.moves] = 4.0 * odd_remainder.T, ~dominates.T
    share = np.divide(np.abs(inputs), largest_inputs, out=np.zeros_like(inputs), where=largest_inputs > 0)
    known_differences = np.where(unknown > 0, 0.0, third_differences)
    truncation = (
        np.square(share).T
        @ known_differences
        * np.square(sizes / largest_sizes)
        / (2.0 * RELATIVE_STEP * sizes)
    )
    return np.where((share > 0).T.astype(np.float64) @ unknown > 0, np.inf, truncation)
