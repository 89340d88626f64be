"""One mistake at one place, and the table's row that knows its forms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.buggy_students.desk import Array, Desk
from reference_impl import Problem

Gradients = dict[str, Array]


@dataclass(frozen=True, eq=False)
class Above:
    """What came down from the layer above: its δ, ∂R/∂z of it, and its weight's gradient as handed in."""

    delta: Array
    error: Array
    gradient: Array


@dataclass(frozen=True, eq=False)
class Parts:
    """A gradient before it is handed in: what the data say, and what the penalties add; by parameter."""

    data: Gradients
    penalty: Gradients

    @property
    def total(self) -> Gradients:
        return {name: self.data[name] + self.penalty[name] for name in self.data}


def handed_in(total: Gradients) -> Parts:
    return Parts(total, {name: np.zeros_like(array) for name, array in total.items()})


@dataclass(frozen=True, eq=False)
class Mistake:
    """What is wrong in one student's program.

    layer: where it enters; None for the whole network. spreads: every layer below makes it again.
    replaced: by equation and layer, what stands in the equation's place:
        ("output_delta", L): desk -> δ_L.
        ("hidden_delta", l): (desk, l, Above) -> δ_l.
        ("weight_gradient", l), ("bias_gradient", l): (desk, l, δ_l) -> the data's part.
        ("penalty", l): (desk, l) -> the penalties' parts of weight and bias.
    finish: what is done to the gradients before they are handed in.
    """

    bug: str
    form: str
    layer: int | None
    equation: str
    replaced: Mapping[tuple[str, int], Callable[..., Any]] = field(default_factory=dict)
    finish: Callable[[Desk, Parts], Parts] | None = None
    spreads: bool = False


@dataclass(frozen=True)
class Wish:
    """What a problem should have for a bug to be possible at all; None: as it comes."""

    equal_widths: bool = False
    masks: bool = False
    penalty: bool = False
    penalty_on_biases: bool | None = None
    bias: bool | None = None
    output: str | None = None
    outputs_from: int = 1
    factor: float = 1.0
    large_weights: bool = False


AS_IT_COMES = Wish()

Hints = Mapping[str, Any]
Forms = Callable[[Problem, int | None, Hints], list[Mistake]]


@dataclass(frozen=True)
class Student:
    """One bug: all its forms at a place (none where it cannot be made), under what was estimated of it.

    hints: a diagnosis's estimates (`factor`, `learning_rate`, `weights`, `threshold`, `digits`), which then
        replace the forms' own choices, so that an explanation can be repeated.
    """

    bug: str
    forms: Forms
    wish: Wish = AS_IT_COMES

    def applies(self, problem: Problem, layer: int | None) -> bool:
        return bool(self.forms(problem, layer, {}))

    def draw(self, problem: Problem, layer: int | None, rng: np.random.Generator) -> Mistake:
        forms = self.forms(problem, layer, {})
        return forms[rng.integers(len(forms))]


def places(problem: Problem) -> list[int | None]:
    return [None, *range(len(problem.network.layers))]
