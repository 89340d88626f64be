"""Data classes of a mistake at one place and of a bug with all its forms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.support.buggy_students.forward_cache import Array, ForwardCache
from reference_impl import Problem

Gradients = dict[str, Array]


@dataclass(frozen=True, eq=False)
class NextLayer:
    """Values of the layer above: its δ, its ∂R/∂z, and the submitted gradient of its weight."""

    delta: Array
    error: Array
    gradient: Array


@dataclass(frozen=True, eq=False)
class GradientParts:
    """Gradients of the data term and of the penalties, by parameter, before they are added."""

    data: Gradients
    penalty: Gradients

    @property
    def total(self) -> Gradients:
        return {name: self.data[name] + self.penalty[name] for name in self.data}


def as_gradient_parts(total: Gradients) -> GradientParts:
    return GradientParts(total, {name: np.zeros_like(array) for name, array in total.items()})


@dataclass(frozen=True, eq=False)
class Mistake:
    """Mistake in a student's program.

    layer: layer of the mistake; None for the whole network.
    spreads: True if every layer below repeats the mistake.
    replaced: replacements of equations, by equation and layer:
        ("output_delta", L): cache -> δ_L.
        ("hidden_delta", l): (cache, l, Above) -> δ_l.
        ("weight_gradient", l), ("bias_gradient", l): (cache, l, δ_l) -> gradient of the data term.
        ("penalty", l): (cache, l) -> gradients of the penalties with respect to weight and bias.
    finish: function that changes the gradients before they are submitted.
    """

    bug: str
    form: str
    layer: int | None
    equation: str
    replaced: Mapping[tuple[str, int], Callable[..., Any]] = field(default_factory=dict)
    finish: Callable[[ForwardCache, GradientParts], GradientParts] | None = None
    spreads: bool = False


@dataclass(frozen=True)
class Requirements:
    """Properties that a problem must have for a bug to be possible; None for no requirement."""

    equal_widths: bool = False
    masks: bool = False
    penalty: bool = False
    penalty_on_biases: bool | None = None
    bias: bool | None = None
    output: str | None = None
    outputs_from: int = 1
    factor: float = 1.0
    large_weights: bool = False
    any_target_sum: bool = False


NO_REQUIREMENTS = Requirements()

Hints = Mapping[str, Any]
Forms = Callable[[Problem, int | None, Hints], list[Mistake]]


@dataclass(frozen=True)
class Student:
    """Bug with all its forms.

    forms: function of (problem, layer, hints) that returns the forms at a layer; empty if the bug is
        impossible there. hints: estimates of a diagnosis (`factor`, `learning_rate`, `weights`, `threshold`,
        `digits`), which replace the default values of the forms, so that an explanation can be reproduced.
    """

    bug: str
    forms: Forms
    requirements: Requirements = NO_REQUIREMENTS

    def applies(self, problem: Problem, layer: int | None) -> bool:
        return bool(self.forms(problem, layer, {}))

    def draw(self, problem: Problem, layer: int | None, rng: np.random.Generator) -> Mistake:
        forms = self.forms(problem, layer, {})
        return forms[rng.integers(len(forms))]


def mistake_layers(problem: Problem) -> list[int | None]:
    return [None, *range(len(problem.network.layers))]
