"""Shared code of the bugs in δ of a hidden layer."""

from collections.abc import Callable

from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from benchmarks.support.buggy_students.mistake import (
    NO_REQUIREMENTS,
    Hints,
    Mistake,
    NextLayer,
    Requirements,
    Student,
)
from reference_impl import Problem

Rule = Callable[[ForwardCache, int, NextLayer], Array]
Rules = Callable[[Problem, int], dict[str, Rule]]
SQUARE = Requirements(equal_widths=True)


def hidden(bug: str, rules: Rules, requirements: Requirements = NO_REQUIREMENTS) -> Student:
    """Return a bug with one form per wrong rule for δ of a hidden layer."""

    def forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
        if layer is None or layer >= len(problem.network.layers) - 1:
            return []
        return [
            Mistake(bug, text, layer, "hidden_delta", {("hidden_delta", layer): rule})
            for text, rule in rules(problem, layer).items()
        ]

    return Student(bug, forms, requirements)


def down(cache: ForwardCache, layer: int, above: NextLayer) -> Array:
    """Return ∂R/∂z of the layer before its mask."""
    return cache.apply_mask(layer, above.delta @ cache.weights[layer + 1].T)


def name_of(problem: Problem, layer: int) -> str:
    return problem.network.layers[layer].activation.name


def elementwise(problem: Problem, layer: int) -> bool:
    return name_of(problem, layer) not in ("identity", "softmax")


def square(problem: Problem, layer: int) -> bool:
    return problem.network.layers[layer].inputs == problem.network.layers[layer].outputs
