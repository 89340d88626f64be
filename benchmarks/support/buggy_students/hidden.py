"""Shared code of the bugs in δ of a hidden layer."""

from collections.abc import Callable

from benchmarks.support.buggy_students.desk import Array, Desk
from benchmarks.support.buggy_students.mistake import AS_IT_COMES, Above, Hints, Mistake, Student, Wish
from reference_impl import Problem

Rule = Callable[[Desk, int, Above], Array]
Rules = Callable[[Problem, int], dict[str, Rule]]
SQUARE = Wish(equal_widths=True)


def hidden(bug: str, rules: Rules, wish: Wish = AS_IT_COMES) -> Student:
    """Return a bug with one form per wrong rule for δ of a hidden layer."""

    def forms(problem: Problem, layer: int | None, hints: Hints) -> list[Mistake]:
        if layer is None or layer >= len(problem.network.layers) - 1:
            return []
        return [
            Mistake(bug, text, layer, "hidden_delta", {("hidden_delta", layer): rule})
            for text, rule in rules(problem, layer).items()
        ]

    return Student(bug, forms, wish)


def down(desk: Desk, layer: int, above: Above) -> Array:
    """Return ∂R/∂z of the layer before its mask."""
    return desk.masked(layer, above.delta @ desk.weights[layer + 1].T)


def name_of(problem: Problem, layer: int) -> str:
    return problem.network.layers[layer].activation.name


def elementwise(problem: Problem, layer: int) -> bool:
    return name_of(problem, layer) not in ("identity", "softmax")


def square(problem: Problem, layer: int) -> bool:
    return problem.network.layers[layer].inputs == problem.network.layers[layer].outputs
