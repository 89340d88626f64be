"""Forward pass of a student's program, in the student's precision.

The reference implementation is not used: activations, losses and derivatives are textbook formulas.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.support.students import FORMULAS
from reference_impl import Problem

Array = np.ndarray


def sigmoid(a: Array) -> Array:
    return FORMULAS["sigmoid"].value(a)


def softmax(a: Array) -> Array:
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class ForwardCache:
    """Values of the forward pass. Layers are numbered from 0.

    a[l]: pre-activations of layer l.
    z[l]: inputs of layer l; z[l + 1] are its outputs, after its dropout mask.
    unmasked[l]: g(a[l]), before the mask.
    y: targets.
    """

    problem: Problem
    weights: tuple[Array, ...]
    biases: tuple[Array | None, ...]
    a: tuple[Array, ...]
    z: tuple[Array, ...]
    unmasked: tuple[Array, ...]
    y: Array
    masks: Mapping[int, Array]

    @property
    def last(self) -> int:
        return len(self.a) - 1

    @property
    def dtype(self) -> np.dtype:
        return self.y.dtype

    @property
    def examples(self) -> int:
        return self.y.shape[0]

    @property
    def outputs(self) -> int:
        return self.y.shape[1]

    def activation(self, layer: int) -> str:
        return self.problem.network.layers[layer].activation.name

    def number(self, value: float) -> Array:
        """Return a constant in the student's precision, which prevents type promotion."""
        return self.dtype.type(value)

    def slope(self, layer: int) -> Array:
        """Return g′(a) of one layer."""
        return FORMULAS[self.activation(layer)].slope(self.a[layer], self.unmasked[layer])

    def apply_mask(self, layer: int, values: Array) -> Array:
        return values * self.masks[layer] if layer in self.masks else values

    def activation_vjp(self, layer: int, upstream: Array) -> Array:
        """Return ∂R/∂a of a layer from its ∂R/∂z."""
        upstream = self.apply_mask(layer, upstream)
        if self.activation(layer) == "softmax":
            p = self.unmasked[layer]
            return p * (upstream - (upstream * p).sum(axis=1, keepdims=True))
        return upstream * self.slope(layer)


def forward_cache(problem: Problem, dtype: type = np.float64) -> ForwardCache:
    """Run the forward pass in `dtype`."""
    weights = tuple(layer.weight.astype(dtype) for layer in problem.parameters)
    biases = tuple(None if layer.bias is None else layer.bias.astype(dtype) for layer in problem.parameters)
    masks = {index: mask.astype(dtype) for index, mask in problem.batch.masks.items()}
    a, unmasked, z = [], [], [problem.batch.inputs.astype(dtype)]
    for index, layer in enumerate(problem.network.layers):
        bias, name = biases[index], layer.activation.name
        total = z[-1] @ weights[index]
        a.append(total if bias is None else total + bias)
        unmasked.append(softmax(a[-1]) if name == "softmax" else FORMULAS[name].value(a[-1]))
        z.append(unmasked[-1] * masks[index] if index in masks else unmasked[-1])
    targets = problem.batch.targets.astype(dtype)
    return ForwardCache(problem, weights, biases, tuple(a), tuple(z), tuple(unmasked), targets, masks)
