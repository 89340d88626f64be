"""Wrong gradients of biases, with correct gradients of weights."""

from collections.abc import Callable

import numpy as np

from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from benchmarks.support.buggy_students.mistake import GradientParts, Hints, Mistake, Requirements, Student
from reference_impl import Problem

Sum = Callable[[ForwardCache, int, Array], Array]
BIASED = Requirements(bias=True)


def _bias(
    bug: str, sums: Callable[[Problem, int], dict[str, Sum]], requirements: Requirements = BIASED
) -> Student:
    def forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
        if layer is None or not problem.network.layers[layer].bias:
            return []
        return [
            Mistake(bug, text, layer, "bias_gradient", {("bias_gradient", layer): rule})
            for text, rule in sums(problem, layer).items()
        ]

    return Student(bug, forms, requirements)


def _over_units(problem: Problem, layer: int) -> dict[str, Sum]:
    return {"ΣΣδ": lambda cache, layer, delta: np.full(delta.shape[1], delta.sum())}


def _mean(problem: Problem, layer: int) -> dict[str, Sum]:
    return {
        "over N": lambda cache, layer, delta: delta.sum(axis=0) / cache.number(cache.examples),
        "times N": lambda cache, layer, delta: delta.sum(axis=0) * cache.number(cache.examples),
    }


def _not_summed(problem: Problem, layer: int) -> dict[str, Sum]:
    return {
        "the first": lambda cache, layer, delta: delta[0],
        "the last": lambda cache, layer, delta: delta[-1],
    }


def _zero(problem: Problem, layer: int) -> dict[str, Sum]:
    return {"0": lambda cache, layer, delta: np.zeros_like(delta[0])}


def _row_sum(problem: Problem, layer: int) -> dict[str, Sum]:
    return {"Σᵢ G": lambda cache, layer, delta: (cache.z[layer].T @ delta).sum(axis=0)}


def _of_another(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    if layer is None or not problem.network.layers[layer].bias:
        return []
    mistakes = []
    width = problem.network.layers[layer].outputs
    for other, other_layer in enumerate(problem.network.layers):
        if other == layer or other_layer.outputs != width or not other_layer.bias:
            continue

        def finish(cache: ForwardCache, parts: GradientParts, other: int = other) -> GradientParts:
            changed = {f"layers.{layer}.bias": parts.data[f"layers.{other}.bias"]}
            return GradientParts(parts.data | changed, parts.penalty)

        text = f"of layer {other}"
        mistakes.append(Mistake("bias-of-another-layer", text, layer, "bias_gradient", finish=finish))
    return mistakes


BIASES = (
    _bias("bias-summed-over-units", _over_units),
    _bias("bias-mean-for-sum", _mean),
    _bias("bias-not-summed", _not_summed),
    _bias("bias-zero", _zero),
    _bias("bias-row-sum-of-weight-gradient", _row_sum),
    Student("bias-of-another-layer", _of_another, Requirements(bias=True, equal_widths=True)),
)
