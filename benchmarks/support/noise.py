"""Noise in submitted numbers: few digits, an epsilon, mixed precision, a weight update, and others."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from unittest.mock import patch

import numpy as np

from benchmarks.support.buggy_students import Gradients, Mistake, losses, student_gradients
from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from benchmarks.support.buggy_students.numbers import significant
from reference_impl import Problem

Noisy = tuple[Problem, Gradients]  # the declared problem, and what is handed in for it


@dataclass(frozen=True)
class Noise:
    """One kind of noise. make: (problem, mistakes, level) -> the declared problem and the gradients.

    applies: True if a problem can have it.
    """

    name: str
    levels: tuple[float, ...]
    make: Callable[[Problem, tuple[Mistake, ...], float], Noisy]
    applies: Callable[[Problem], bool] = lambda problem: True


def _elementwise(change: Callable[[Array, float], Array]) -> Callable[..., Noisy]:
    def make(problem: Problem, mistakes: Iterable[Mistake], level: float) -> Noisy:
        exact = student_gradients(problem, mistakes)
        return problem, {name: change(array, level) for name, array in exact.items()}

    return make


def _with_epsilon(problem: Problem, mistakes: Iterable[Mistake], level: float) -> Noisy:
    """Add an epsilon to the denominators of the loss's derivative, as in (p − y) / (p (1 − p) + ε)."""

    def error(cache: ForwardCache, loss=None, on=None, factor=None) -> Array:
        loss, on = loss or cache.problem.risk.loss.name, on or cache.problem.risk.on
        f, y = cache.z[-1], cache.y
        if on == "probabilities" and loss == "cross_entropy":
            return -y / (f + level) * losses.scale(cache, factor)
        if on == "probabilities" and loss == "binary_cross_entropy":
            return (f - y) / (f * (1.0 - f) + level) * losses.scale(cache, factor)
        return exact(cache, loss, on, factor)

    exact = losses.error
    with patch.object(losses, "error", error), patch.object(losses, "is_fused", lambda *_: False):
        return problem, student_gradients(problem, mistakes)


def _divided_later(first: type, last: type) -> Callable[..., Noisy]:
    """Return noise of a sum over examples in one precision and its mean in another."""

    def make(problem: Problem, mistakes: Iterable[Mistake], level: float) -> Noisy:
        examples = problem.batch.size
        computed = student_gradients(problem, mistakes, first)
        sums = {name: (array * first(examples)).astype(last) for name, array in computed.items()}
        return problem, {name: (array / last(examples)).astype(np.float64) for name, array in sums.items()}

    return make


def _from_update(problem: Problem, mistakes: Iterable[Mistake], level: float) -> Noisy:
    """Return (W − W′) / η for the updated weights W′ = W − η dW."""
    exact = student_gradients(problem, mistakes)
    gradients = {}
    for name, gradient in exact.items():
        _, layer, kind = name.split(".")
        before = getattr(problem.parameters[int(layer)], kind)
        gradients[name] = (before - (before - level * gradient)) / level
    return problem, gradients


def _printed_parameters(problem: Problem, mistakes: Iterable[Mistake], level: float) -> Noisy:
    """Return the gradients at full parameters and inputs, with a problem that has them rounded."""
    digits = int(level)
    rounded = tuple(
        replace(
            layer,
            weight=np.round(layer.weight, digits),
            bias=None if layer.bias is None else np.round(layer.bias, digits),
        )
        for layer in problem.parameters
    )
    batch = replace(problem.batch, inputs=np.round(problem.batch.inputs, digits))
    return replace(problem, parameters=rounded, batch=batch), student_gradients(problem, mistakes)


NOISES: Mapping[str, Noise] = MappingProxyType(
    {
        row.name: row
        for row in (
            Noise(
                "significant digits",
                (4, 6, 8, 9, 11, 13, 16),
                _elementwise(lambda array, digits: significant(array, int(digits))),
            ),
            Noise(
                "decimals",
                (4, 6, 8, 10, 12, 13),
                _elementwise(lambda array, digits: np.round(array, int(digits))),
            ),
            Noise(
                "epsilon",
                (1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5),
                _with_epsilon,
                lambda problem: problem.risk.on == "probabilities",
            ),
            Noise("float32, mean in float64", (1,), _divided_later(np.float32, np.float64)),
            Noise("float64, mean in float32", (1,), _divided_later(np.float64, np.float32)),
            Noise("weight update", (1e-3, 1e-2, 0.1, 1.0), _from_update),
            Noise("printed parameters", (4, 6, 8, 10), _printed_parameters),
        )
    }
)
