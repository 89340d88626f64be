"""Examples counted more or less than once: c in Σ cₙ zₙδₙᵀ, found from the Gram matrix of the examples.

Two examples' gradients have the inner product (zₘ·zₙ + 1)(δₘ·δₙ), so that N × N numbers tell everything.
"""

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np

from reference_impl.array import Array
from verifier.diagnosis.bug import Place, Replacement

_DISTINCT = 1e-9  # relative size of the smallest eigenvalue that still tells examples apart
_SPARE = 4  # numbers beyond those that determine the weights
_NEAR = 1e-5  # of a whole number
_ALL_TRIED = 64  # examples up to which each may be the one left out; beyond, only the first and the last
_MOST_EXAMPLES = 1024  # for a Gram matrix


def patterns(examples: int) -> Iterator[Array]:
    """Give weights that programs come to: one left out, counted twice, or the only one; with either mean."""
    ones, units = np.ones(examples), np.eye(examples)
    for n in reversed(range(examples)) if examples <= _ALL_TRIED else (examples - 1, 0):
        yield units[n]
        yield examples * units[n]
        yield ones - units[n]
        yield ones + units[n]
        if examples > 2:
            yield (ones - units[n]) * (examples / (examples - 1))
            yield (ones + units[n]) * (examples / (examples + 1))


@cache
def _all_patterns(examples: int) -> Array:
    return np.array(list(patterns(examples)))


def usual(examples: int) -> Iterator[Array]:
    """Give the weights to make the bug with: the first left out, the last counted twice."""
    if examples > 2:
        yield np.ones(examples) - np.eye(examples)[0]
    if examples > 1:
        yield np.ones(examples) + np.eye(examples)[-1]


def weights_for(place: Place, delta: Array, handed_in: Mapping[str, Array]) -> Iterator[tuple[Array, int]]:
    """Give candidates for c, and how many of its numbers were estimated; the usual ones by default."""
    if not handed_in:
        yield from ((weights, 0) for weights in usual(delta.shape[0]))
        return
    z = place.trace.z[place.layer]
    ones = np.ones((z.shape[0], 1))
    left = np.concatenate([z if kind == "weight" else ones for kind in handed_in], axis=1)
    target = np.concatenate([np.atleast_2d(array) for array in handed_in.values()])
    for weights, unknowns in _estimated(left, delta, target):
        if not all_alike(weights):
            yield weights, unknowns


def weighted_examples(place: Place) -> Iterator[Replacement]:
    """Σ cₙ zₙδₙᵀ in place of a weight gradient."""
    if place.delta is None:
        return
    handed_in = {} if place.submitted is None else {"weight": place.submitted}
    z = place.trace.z[place.layer]
    for weights, unknowns in weights_for(place, place.delta, handed_in):
        value = z.T @ (weights[:, None] * place.delta)
        yield Replacement(value, {"weights": weights.tolist()}, unknowns=unknowns)


def weighted_examples_of_bias(place: Place) -> Iterator[Replacement]:
    """Σ cₙ δₙ in place of a bias gradient, where the weight gradient shows the same c."""
    if place.delta is None or "weight" not in place.handed_in:
        return
    for weights, _ in weights_for(place, place.delta, place.handed_in):
        yield Replacement(weights @ place.delta, {"weights": weights.tolist()})


def _estimated(left: Array, delta: Array, target: Array) -> Iterator[tuple[Array, int]]:
    """Solve for c where the layer's numbers suffice, else try the patterns. left: (N, in)."""
    examples = delta.shape[0]
    if not 2 <= examples <= _MOST_EXAMPLES:
        return
    gram = (left @ left.T) * (delta @ delta.T)
    inner = ((left @ target) * delta).sum(axis=1)
    if target.size >= examples + _SPARE and np.isfinite(gram).all():
        values, vectors = np.linalg.eigh(gram)
        if values[0] > _DISTINCT * values[-1] and values[0] > 0:
            weights = vectors @ ((vectors.T @ inner) / values)
            whole = np.rint(weights)
            if (np.abs(weights - whole) <= _NEAR * max(1.0, float(np.abs(weights).max()))).all():
                yield whole + 0.0, 0  # no -0
            elif delta.shape[1] > 1 and weights.min() > -_NEAR:  # with one output any wrong δ weights them
                yield weights, examples
    square = float(np.vdot(target, target))
    tried = _all_patterns(examples)
    with np.errstate(all="ignore"):
        left_over = square - 2.0 * tried @ inner + ((tried @ gram) * tried).sum(axis=1)
    yield from ((tried[i], 0) for i in np.argsort(np.abs(left_over), kind="stable")[:2])


def all_alike(weights: Array) -> bool:
    return bool(np.ptp(weights) <= _NEAR * np.abs(weights).max())  # all 0 as well
