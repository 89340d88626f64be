"""Wrong weights of the examples: c in Σ cₙ zₙδₙᵀ, estimated from the Gram matrix of the examples' gradients.

The gradients of two examples have the inner product (zₘ·zₙ + 1)(δₘ·δₙ), so an N × N system determines c.
"""

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.catalogue.bug import LayerContext, Replacement
from verifier.diagnosis.costs import BALANCED_RTOL, MAX_GRAM_EXAMPLES

_MIN_EIGENVALUE_RATIO = 1e-9  # smallest over largest eigenvalue with which the weights are determined
_SPARE_EQUATIONS = 4  # beyond the number of weights, to confirm them
_INTEGER_TOLERANCE = 1e-5  # distance of a weight from a whole number
_MAX_ALL_PATTERNS = 64  # in larger batches only the first and last example are left out or repeated


def plausible_weights(examples: int) -> Iterator[Array]:
    """Yield plausible weights, (N,): an example left out, counted twice or alone, with either mean."""
    ones, units = np.ones(examples), np.eye(examples)
    for n in reversed(range(examples)) if examples <= _MAX_ALL_PATTERNS else (examples - 1, 0):
        yield units[n]
        yield examples * units[n]
        yield ones - units[n]
        yield ones + units[n]
        if examples > 2:
            yield (ones - units[n]) * (examples / (examples - 1))
            yield (ones + units[n]) * (examples / (examples + 1))


@cache
def _all_patterns(examples: int) -> Array:
    return np.array(list(plausible_weights(examples)))


def mutant_weights(examples: int) -> Iterator[Array]:
    """Yield the weights of mutants: first example left out, last one counted twice."""
    if examples > 2:
        yield np.ones(examples) - np.eye(examples)[0]
    if examples > 1:
        yield np.ones(examples) + np.eye(examples)[-1]


def weights_for(
    place: LayerContext, delta: Array, submitted: Mapping[str, Array]
) -> Iterator[tuple[Array, int]]:
    """Yield candidates for c, each with the count of its estimated numbers.

    submitted: the submitted gradients by kind; if empty, the weights of mutants are used.
    """
    if not submitted:
        yield from ((weights, 0) for weights in mutant_weights(delta.shape[0]))
        return
    z = place.trace.z[place.layer]
    ones = np.ones((z.shape[0], 1))
    left = np.concatenate([z if kind == "weight" else ones for kind in submitted], axis=1)
    target = np.concatenate([np.atleast_2d(array) for array in submitted.values()])
    for weights, unknowns in _estimated(left, delta, target):
        if not are_equal(weights):
            yield weights, unknowns


def weighted_examples(place: LayerContext) -> Iterator[Replacement]:
    """Yield Σ cₙ zₙδₙᵀ in place of a weight gradient."""
    if place.delta is None:
        return
    submitted = {} if place.submitted is None else {"weight": place.submitted}
    z = place.trace.z[place.layer]
    for weights, unknowns in weights_for(place, place.delta, submitted):
        value = z.T @ (weights[:, None] * place.delta)
        yield Replacement(value, {"weights": weights.tolist()}, unknowns=unknowns)


def weighted_examples_of_bias(place: LayerContext) -> Iterator[Replacement]:
    """Yield Σ cₙ δₙ in place of a bias gradient, with c estimated from the weight gradient."""
    if place.delta is None or "weight" not in place.submitted_by_kind:
        return
    for weights, _ in weights_for(place, place.delta, place.submitted_by_kind):
        yield Replacement(weights @ place.delta, {"weights": weights.tolist()})


def _estimated(left: Array, delta: Array, target: Array) -> Iterator[tuple[Array, int]]:
    """Yield the solution c if there are enough equations, then the two best patterns. left: (N, in)."""
    examples = delta.shape[0]
    if not 2 <= examples <= MAX_GRAM_EXAMPLES:
        return
    gram = (left @ left.T) * (delta @ delta.T)
    inner = ((left @ target) * delta).sum(axis=1)
    if target.size >= examples + _SPARE_EQUATIONS and np.isfinite(gram).all():
        values, vectors = np.linalg.eigh(gram)
        if values[0] > _MIN_EIGENVALUE_RATIO * values[-1] and values[0] > 0:
            weights = vectors @ ((vectors.T @ inner) / values)
            whole = np.rint(weights)
            if (np.abs(weights - whole) <= _INTEGER_TOLERANCE * max(1.0, float(np.abs(weights).max()))).all():
                yield whole + 0.0, 0  # turns -0 into 0
            # with one output, or two of a softmax, any wrong δ is a weighting
            elif delta.shape[1] - is_balanced(delta) > 1 and weights.min() > -_INTEGER_TOLERANCE:
                yield weights, examples
    square = float(np.vdot(target, target))
    tried = _all_patterns(examples)
    with np.errstate(all="ignore"):
        left_over = square - 2.0 * tried @ inner + ((tried @ gram) * tried).sum(axis=1)
    yield from ((tried[i], 0) for i in np.argsort(np.abs(left_over), kind="stable")[:2])


def is_balanced(delta: Array) -> bool:
    """True if each δ sums to 0, as that of a softmax does."""
    return bool((np.abs(delta.sum(axis=1)) <= BALANCED_RTOL * np.abs(delta).sum(axis=1)).all())


def are_equal(weights: Array) -> bool:
    """True if all weights are equal, or all 0."""
    return bool(np.ptp(weights) <= _INTEGER_TOLERANCE * np.abs(weights).max())
