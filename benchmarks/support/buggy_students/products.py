"""Wrong outer products with δ: a wrong input tensor, or examples with unequal weights."""

from collections.abc import Callable

import numpy as np

from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from benchmarks.support.buggy_students.hidden_paths import LAST_PATH
from benchmarks.support.buggy_students.mistake import (
    NO_REQUIREMENTS,
    GradientParts,
    Hints,
    Mistake,
    Requirements,
    Student,
    as_gradient_parts,
)
from benchmarks.support.students import FORMULAS
from reference_impl import Problem

Product = Callable[[ForwardCache, int, Array], Array]
SQUARE = Requirements(equal_widths=True)


def _product(
    bug: str,
    products: Callable[[Problem, int], dict[str, Product]],
    requirements: Requirements = NO_REQUIREMENTS,
) -> Student:
    def forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
        if layer is None:
            return []
        return [
            Mistake(bug, text, layer, "weight_gradient", {("weight_gradient", layer): product})
            for text, product in products(problem, layer).items()
        ]

    return Student(bug, forms, requirements)


def _activated(problem: Problem, layer: int) -> dict[str, Product]:
    """Apply g of the layer below (for the first layer, its own g) to values that are already activated."""
    name = problem.network.layers[max(layer - 1, 0)].activation.name
    if name in ("identity", "softmax"):
        return {}
    return {"g(z)": lambda cache, layer, delta: FORMULAS[name].value(cache.z[layer]).T @ delta}


def _preactivation(problem: Problem, layer: int) -> dict[str, Product]:
    if layer == 0 or problem.network.layers[layer - 1].activation.name == "identity":
        return {}
    return {"a": lambda cache, layer, delta: cache.a[layer - 1].T @ delta}


def _other_input(problem: Problem, layer: int) -> dict[str, Product]:
    layers = problem.network.layers
    widths = [layers[0].inputs, *(other_layer.outputs for other_layer in layers)]
    return {
        f"z[{other}] for z[{layer}]": lambda cache, layer, delta, other=other: cache.z[other].T @ delta
        for other, width in enumerate(widths)
        if other != layer and width == widths[layer]
    }


def _scaled_by_examples(problem: Problem, layer: int) -> dict[str, Product]:
    if problem.batch.size < 2 or not problem.network.layers[layer].bias:
        return {}
    return {
        "times N": lambda cache, layer, delta: cache.z[layer].T @ delta * cache.number(cache.examples),
        "over N": lambda cache, layer, delta: cache.z[layer].T @ delta / cache.number(cache.examples),
    }


def _transposed(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    """Reshape Gᵀ to the shape of G, or reshape G to the shape of Gᵀ and transpose."""
    if layer is None or min(problem.parameters[layer].weight.shape) == 1:
        return []
    name = f"layers.{layer}.weight"

    def changed_weight(
        change: Callable[[Array], Array],
    ) -> Callable[[ForwardCache, GradientParts], GradientParts]:
        return lambda cache, parts: as_gradient_parts(parts.total | {name: change(parts.total[name])})

    changes = {"Gᵀ in G's shape": changed_weight(lambda g: g.T.reshape(g.shape))}
    if problem.parameters[layer].weight.shape[0] != problem.parameters[layer].weight.shape[1]:
        changes["G in Gᵀ's shape, transposed"] = changed_weight(lambda g: g.reshape(g.shape[::-1]).T)
    return [
        Mistake("transposed-gradient", text, layer, "weight_gradient", finish=finish)
        for text, finish in changes.items()
    ]


def _layer_order(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    """Exchange the gradients of two layers of equal shape, or reverse the list of layers."""
    if layer is not None:
        return []
    shapes = [(parameters.weight.shape, parameters.bias is None) for parameters in problem.parameters]
    count = len(shapes)
    orders = {}
    for low in range(count):
        for high in range(low + 1, count):
            if shapes[low] == shapes[high]:
                order = list(range(count))
                order[low], order[high] = high, low
                orders[f"{low} and {high} exchanged"] = order
    if count > 2 and shapes == shapes[::-1]:
        orders["reversed"] = list(range(count))[::-1]

    def reordered(order: list[int]) -> Callable[[ForwardCache, GradientParts], GradientParts]:
        def finish(cache: ForwardCache, parts: GradientParts) -> GradientParts:
            total = parts.total
            source = {name: f"layers.{order[int(name.split('.')[1])]}.{name.split('.')[2]}" for name in total}
            return as_gradient_parts({name: total[other] for name, other in source.items()})

        return finish

    return [
        Mistake("layer-order", text, None, "weight_gradient", finish=reordered(order))
        for text, order in orders.items()
    ]


def _example_weights(count: int) -> dict[str, Array]:
    """Return example weights by mistake: one example dropped or counted twice, or only the last one used."""
    weights: dict[str, Array] = {}
    if count < 2:
        return weights
    identity = np.eye(count)
    for n in sorted({0, count // 2, count - 1}):
        weights[f"{n} dropped"] = 1.0 - identity[n]
        if count > 2:
            weights[f"{n} dropped, over N - 1"] = (1.0 - identity[n]) * count / (count - 1)
        weights[f"{n} twice"] = 1.0 + identity[n]
    weights["only the last"] = identity[-1]
    weights["only the last, over 1"] = identity[-1] * count
    return weights


def _weighted(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    """Weight the examples in the whole network, in one layer, or only in the weight of one layer."""
    estimate = hints.get("weights")
    count = problem.batch.size
    kinds = _example_weights(count) if estimate is None else {"given": np.asarray(estimate, dtype=float)}
    last = len(problem.network.layers) - 1
    mistakes = []
    for text, weights in kinds.items():

        def product(cache: ForwardCache, layer: int, delta: Array, weights: Array = weights) -> Array:
            return cache.z[layer].T @ (weights[:, None].astype(cache.dtype) * delta)

        def bias(cache: ForwardCache, layer: int, delta: Array, weights: Array = weights) -> Array:
            return (weights[:, None].astype(cache.dtype) * delta).sum(axis=0)

        changed_layers = range(last + 1) if layer is None else (layer,)
        both = {("weight_gradient", index): product for index in changed_layers}
        both |= {("bias_gradient", index): bias for index in changed_layers}
        mistakes.append(Mistake("examples-weighted", text, layer, "weight_gradient", both))
        if layer is not None and problem.network.layers[layer].bias:
            weight_only = {("weight_gradient", layer): product}
            mistakes.append(
                Mistake("examples-weighted", f"{text}, bias right", layer, "weight_gradient", weight_only)
            )
    return mistakes


def _assigned(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
    """Use only the last unit above, or only the last example, because of = instead of +=."""
    if layer is None:
        return []
    mistakes = LAST_PATH.forms(problem, layer, hints)
    if problem.batch.size > 1:
        last = {
            ("weight_gradient", layer): lambda cache, layer, delta: cache.z[layer][-1:].T @ delta[-1:],
            ("bias_gradient", layer): lambda cache, layer, delta: delta[-1],
        }
        text = "only the last example"
        mistakes.append(Mistake("assigned-not-accumulated", text, layer, "weight_gradient", last))
    return mistakes


PRODUCTS = (
    _product("activated-input", _activated),
    _product("preactivation-as-input", _preactivation),
    _product("wrong-layer-input", _other_input, SQUARE),
    _product("weight-sum-for-mean", _scaled_by_examples, Requirements(bias=True)),
    Student("transposed-gradient", _transposed),
    Student("layer-order", _layer_order, SQUARE),
    Student("examples-weighted", _weighted),
    Student("assigned-not-accumulated", _assigned),
)
