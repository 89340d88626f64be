"""Draw informative parameters, inputs and targets for a problem's shape."""

from dataclasses import replace

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import deltas
from reference_impl.network import Batch, LayerParameters, forward
from reference_impl.problem import Problem

_ATTEMPTS = 40
_MIN_EXAMPLES = 5


def informative_parameters(problem: Problem, seed: int) -> Problem:
    """Return the problem with random short decimals; of several draws the one with the fewest zero δ.

    Network, loss, reductions and penalties stay. N is at least 5 and, with several outputs, not a multiple of
    their count C. The result depends on the seed only.
    """
    best, best_share = None, -1.0
    for attempt in range(_ATTEMPTS):
        drawn = _draw(problem, np.random.default_rng([seed, attempt]))
        share = _informative_share(drawn)
        if share > best_share:
            best, best_share = drawn, share
        if share == 1.0:
            break
    assert best is not None  # there is at least one attempt
    return best


def informative_batch_size(outputs: int) -> int:
    """Return a batch size that is not a multiple of the number of outputs."""
    number = _MIN_EXAMPLES
    while outputs > 1 and number % outputs == 0:
        number += 1
    return number


def _draw(problem: Problem, rng: np.random.Generator) -> Problem:
    examples = informative_batch_size(problem.network.layers[-1].outputs)
    parameters = tuple(
        LayerParameters(
            _round(rng.normal(scale=1.2 / np.sqrt(layer.inputs), size=(layer.inputs, layer.outputs)), 0.05),
            _round(rng.normal(scale=0.4, size=layer.outputs), 0.05) if layer.bias else None,
        )
        for layer in problem.network.layers
    )
    inputs = _round(rng.normal(size=(examples, problem.network.layers[0].inputs)), 0.1)
    masks = {
        index: np.where(rng.random((examples, mask.shape[1])) < 0.75, _scale_of(mask), 0.0)
        for index, mask in problem.batch.masks.items()
    }
    return replace(
        problem, parameters=parameters, batch=Batch(inputs, _targets(problem, rng, examples), masks)
    )


def _round(values: Array, least: float) -> Array:
    """Return values rounded to hundredths, with a least magnitude."""
    rounded = np.round(values, 2)
    return np.where(np.abs(rounded) < least, np.where(values < 0, -least, least), rounded)


def _scale_of(mask: Array) -> float:
    kept = mask[mask != 0]
    scale = float(kept.flat[0]) if kept.size else 2.0
    return scale if scale != 1.0 else 1.25


def _targets(problem: Problem, rng: np.random.Generator, examples: int) -> Array:
    outputs = problem.network.layers[-1].outputs
    if problem.risk.loss.class_targets:
        classes = np.concatenate([rng.permutation(outputs) for _ in range(examples // outputs + 1)])
        return np.asarray(np.eye(outputs)[classes[:examples]])
    if problem.risk.loss.name == "mse":
        return np.round(rng.normal(size=(examples, outputs)), 2)
    return rng.integers(2, size=(examples, outputs)).astype(float)


def _informative_share(problem: Problem) -> float:
    """Return the mean share of units with a nonzero δ, and with examples on both sides of each kink."""
    trace = forward(problem.network, problem.parameters, problem.batch)
    shares = []
    for layer, a, delta in zip(problem.network.layers, trace.a, deltas(problem, trace), strict=True):
        informative = (delta != 0).any(axis=0) & np.isfinite(a).all(axis=0)
        for kink in layer.activation.kinks:
            informative &= (a > kink.at).any(axis=0) & (a < kink.at).any(axis=0)
        shares.append(informative.mean())
    return float(np.mean(shares))
