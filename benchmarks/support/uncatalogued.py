"""Mistakes that are not in the catalogue, each in one equation of one layer.

Mistakes that only weight the examples are left out, because they are the bug `examples-weighted`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from benchmarks.support.buggy_students import Mistake
from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from benchmarks.support.buggy_students.losses import delta as right_output_delta
from benchmarks.support.buggy_students.mistake import NextLayer
from reference_impl import Problem


@dataclass(frozen=True)
class Mutation:
    """Mistake in one equation. rule: replacement of the equation, with the signature in `Mistake`."""

    name: str
    equation: str
    rule: Callable[..., Array]

    def layers(self, problem: Problem) -> list[int]:
        """Return the layers at which the mistake is possible."""
        layers = problem.network.layers
        last = len(layers) - 1
        if self.equation == "output_delta":
            return [last]
        if self.equation == "bias_gradient":
            return [index for index, layer in enumerate(layers) if layer.bias]
        return list(range(last + (self.equation == "weight_gradient")))

    def at(self, layer: int) -> Mistake:
        replaced = {(self.equation, layer): self.rule}
        return Mistake(self.name, "", layer, self.equation, replaced)


def _down(cache: ForwardCache, layer: int, above: NextLayer) -> Array:
    return cache.apply_mask(layer, above.delta @ cache.weights[layer + 1].T)


def _right(cache: ForwardCache, layer: int, above: NextLayer) -> Array:
    return cache.activation_vjp(layer, above.delta @ cache.weights[layer + 1].T)


def _noise(array: Array) -> Array:
    """Return the array with 10 % noise, which depends only on the shape."""
    normal = np.random.default_rng(array.shape).normal(scale=0.1, size=array.shape)
    return array * (1.0 + normal.astype(array.dtype))


def _without_small(delta: Array) -> Array:
    return np.where(np.abs(delta) < np.median(np.abs(delta)), 0.0, delta).astype(delta.dtype)


def _column_doubled(cache: ForwardCache, layer: int, delta: Array) -> Array:
    gradient = cache.z[layer].T @ delta
    gradient[:, 0] *= 2
    return gradient


def _row_turned(cache: ForwardCache, layer: int, delta: Array) -> Array:
    gradient = cache.z[layer].T @ delta
    gradient[-1] *= -1
    return gradient


def _row_larger(cache: ForwardCache, layer: int, delta: Array) -> Array:
    gradient = cache.z[layer].T @ delta
    gradient[0] *= 1.1
    return gradient


def _columns_exchanged(cache: ForwardCache, layer: int, delta: Array) -> Array:
    gradient = cache.z[layer].T @ delta
    return gradient[:, [1, 0, *range(2, gradient.shape[1])]]


def _half_the_units(cache: ForwardCache, layer: int, delta: Array) -> Array:
    gradient = delta.sum(axis=0)
    gradient[: (gradient.size + 1) // 2] = 0
    return gradient


def _through_absolute(cache: ForwardCache, layer: int, above: NextLayer) -> Array:
    return cache.activation_vjp(layer, above.delta @ np.abs(cache.weights[layer + 1]).T)


def _output(change: Callable[[Array], Array]) -> Callable[[ForwardCache], Array]:
    return lambda cache: change(right_output_delta(cache))


def _hidden(change: Callable[[Array], Array]) -> Callable[[ForwardCache, int, NextLayer], Array]:
    return lambda cache, layer, above: change(_right(cache, layer, above))


def _sloped(slope: Callable[[ForwardCache, int], Array]) -> Callable[[ForwardCache, int, NextLayer], Array]:
    return lambda cache, layer, above: _down(cache, layer, above) * slope(cache, layer)


def _of_input(change: Callable[[Array], Array]) -> Callable[[ForwardCache, int, Array], Array]:
    return lambda cache, layer, delta: change(cache.z[layer]).T @ delta


MUTATIONS: Mapping[str, Mutation] = MappingProxyType(
    {
        row.name: row
        for row in (
            Mutation("output delta squared", "output_delta", _output(np.square)),
            Mutation(
                "output delta's root", "output_delta", _output(lambda d: np.sign(d) * np.sqrt(np.abs(d)))
            ),
            Mutation(
                "output delta rolled by a unit", "output_delta", _output(lambda d: np.roll(d, 1, axis=1))
            ),
            Mutation("output delta with noise", "output_delta", _output(_noise)),
            Mutation("g' twice", "hidden_delta", _sloped(lambda cache, layer: cache.slope(layer) ** 2)),
            Mutation(
                "g' cubed root", "hidden_delta", _sloped(lambda cache, layer: np.cbrt(cache.slope(layer)))
            ),
            Mutation(
                "g' of the unit beside",
                "hidden_delta",
                _sloped(lambda cache, layer: np.roll(cache.slope(layer), 1, axis=1)),
            ),
            Mutation(
                "g' of the example before",
                "hidden_delta",
                _sloped(lambda cache, layer: np.roll(cache.slope(layer), 1, axis=0)),
            ),
            Mutation("delta rolled by a unit", "hidden_delta", _hidden(lambda d: np.roll(d, 1, axis=1))),
            Mutation("units in reverse", "hidden_delta", _hidden(lambda d: d[:, ::-1])),
            Mutation("small deltas dropped", "hidden_delta", _hidden(_without_small)),
            Mutation("W's absolute value", "hidden_delta", _through_absolute),
            Mutation("delta with noise", "hidden_delta", _hidden(_noise)),
            Mutation(
                "input of the example before", "weight_gradient", _of_input(lambda z: np.roll(z, 1, axis=0))
            ),
            Mutation("input centred", "weight_gradient", _of_input(lambda z: z - z.mean(axis=0))),
            Mutation("input squared", "weight_gradient", _of_input(np.square)),
            Mutation(
                "delta of the unit before",
                "weight_gradient",
                lambda cache, layer, delta: cache.z[layer].T @ np.roll(delta, 1, axis=1),
            ),
            Mutation("a column doubled", "weight_gradient", _column_doubled),
            Mutation("a row's sign turned", "weight_gradient", _row_turned),
            Mutation(
                "weight gradient with noise",
                "weight_gradient",
                lambda cache, layer, delta: _noise(cache.z[layer].T @ delta),
            ),
            Mutation(
                "bias of squares", "bias_gradient", lambda cache, layer, delta: np.square(delta).sum(axis=0)
            ),
            Mutation("half the units' bias", "bias_gradient", _half_the_units),
            Mutation("largest delta as bias", "bias_gradient", lambda cache, layer, delta: delta.max(axis=0)),
            Mutation(
                "g' bent by its argument",
                "hidden_delta",
                _sloped(lambda cache, layer: cache.slope(layer) * (1.0 + 0.3 * np.sin(cache.a[layer]))),
            ),
            Mutation("two columns exchanged", "weight_gradient", _columns_exchanged),
            Mutation("a row times 1.1", "weight_gradient", _row_larger),
        )
    }
)
