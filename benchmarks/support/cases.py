"""Seventeen submissions on which gradient checkers err: kinks, small gradients, NaN and extreme scales.

The network is 3-4-4-2, N = 5, with half the squared error as a mean over the batch. C: correct. B: wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reference_impl import (
    LOSSES,
    Batch,
    Layer,
    LayerParameters,
    Network,
    Problem,
    Risk,
    activation,
    backpropagate,
    named,
)

Gradients = dict[str, np.ndarray]
EXAMPLES = 5
SIZES = (3, 4, 4, 2)


@dataclass(frozen=True)
class LabelledSubmission:
    """Submission for a problem, and whether it is correct."""

    name: str
    description: str
    correct: bool
    problem: Problem
    gradients: Gradients


def _problem(hidden: str, factor: float = 0.5) -> Problem:
    rng = np.random.default_rng(49)  # a seed without dead units, whose zero gradients hide errors
    layers = tuple(
        Layer(n, m, activation(hidden if i < 2 else "identity")) for i, (n, m) in enumerate(pairwise(SIZES))
    )
    parameters = tuple(
        LayerParameters(rng.normal(scale=0.7, size=(n, m)), rng.normal(scale=0.3, size=m))
        for n, m in pairwise(SIZES)
    )
    batch = Batch(rng.normal(size=(EXAMPLES, 3)), rng.normal(size=(EXAMPLES, 2)))
    return Problem(Network(layers), parameters, batch, Risk(LOSSES["mse"], factor))


def _with_preactivation(value: float) -> Problem:
    """Return a relu network in which the first pre-activation of the first example is `value`."""
    problem = _problem("relu")
    first = problem.parameters[0]
    inputs, weight = problem.batch.inputs.copy(), first.weight.copy()
    inputs[0], weight[:, 0] = (1.0, 2.0, -1.0), (0.5, 0.25, 1.0)  # exactly 0 in any order of summation
    bias = np.array(first.bias)
    bias[0] = value
    parameters = (LayerParameters(weight, bias), *problem.parameters[1:])
    return Problem(problem.network, parameters, Batch(inputs, problem.batch.targets), problem.risk)


def _saturated() -> Problem:
    """Return a tanh network with a saturated unit, whose gradients are about 1e-9."""
    problem = _problem("tanh")
    bias = np.array(problem.parameters[0].bias)
    bias[0] = 11.0
    parameters = (LayerParameters(problem.parameters[0].weight, bias), *problem.parameters[1:])
    return Problem(problem.network, parameters, problem.batch, problem.risk)


def correct_case(problem: Problem) -> Gradients:
    return {name: array.copy() for name, array in named(backpropagate(problem))}


def _changed(problem: Problem, change: Callable[[Gradients], None]) -> Gradients:
    gradients = correct_case(problem)
    change(gradients)
    return gradients


def _scaled(factor: float) -> Callable[[Gradients], None]:
    def change(gradients: Gradients) -> None:
        for array in gradients.values():
            array *= factor

    return change


def _one_entry(factor: float) -> Callable[[Gradients], None]:
    def change(gradients: Gradients) -> None:
        gradients["layers.1.weight"][1, 2] *= factor

    return change


def _transposed(gradients: Gradients) -> None:
    gradients["layers.1.weight"] = gradients["layers.1.weight"].T.copy()


def _zero_bias(gradients: Gradients) -> None:
    gradients["layers.0.bias"][:] = 0.0


def _flip_first_unit(gradients: Gradients) -> None:
    gradients["layers.0.weight"][:, 0] *= -1
    gradients["layers.0.bias"][0] *= -1


def _last_example_forgotten(problem: Problem) -> Gradients:
    batch = Batch(problem.batch.inputs[:-1], problem.batch.targets[:-1])
    shorter = Problem(problem.network, problem.parameters, batch, problem.risk)
    return {name: array * (EXAMPLES - 1) / EXAMPLES for name, array in correct_case(shorter).items()}


def seventeen_cases() -> list[LabelledSubmission]:
    tanh, relu, tiny = _problem("tanh"), _problem("relu"), _problem("tanh", 0.5e-9)
    zero, near, saturated = _with_preactivation(0.0), _with_preactivation(3e-7), _saturated()
    correct = [
        ("C0", "correct, tanh", tanh),
        ("C1", "correct, relu", relu),
        ("C2", "correct, relu, a pre-activation exactly 0", zero),
        ("C3", "correct, relu, a pre-activation of 3e-7", near),
        ("C4", "correct, loss of 1e6", _problem("tanh", 0.5e6)),
        ("C5", "correct, loss of 1e-9", tiny),
    ]
    wrong = [
        ("B1", "half the gradient", tanh, _changed(tanh, _scaled(0.5))),
        ("B2", "N times the gradient", tanh, _changed(tanh, _scaled(EXAMPLES))),
        ("B3", "a bias's gradient zero", tanh, _changed(tanh, _zero_bias)),
        ("B4", "one entry 1 % off", tanh, _changed(tanh, _one_entry(1.01))),
        ("B5", "one entry 0.05 % off", tanh, _changed(tanh, _one_entry(1.0005))),
        ("B6", "one entry NaN", tanh, _changed(tanh, _one_entry(np.nan))),
        ("B7", "a square weight's gradient transposed", tanh, _changed(tanh, _transposed)),
        ("B8", "the last example forgotten", tanh, _last_example_forgotten(tanh)),
        ("B9", "half the gradient, loss of 1e-9", tiny, _changed(tiny, _scaled(0.5))),
        ("B10", "all zero, loss of 1e-9", tiny, _changed(tiny, _scaled(0.0))),
        ("B11", "a saturated unit's sign flipped", saturated, _changed(saturated, _flip_first_unit)),
    ]
    return [
        LabelledSubmission(name, text, True, problem, correct_case(problem))
        for name, text, problem in correct
    ] + [
        LabelledSubmission(name, text, False, problem, gradients) for name, text, problem, gradients in wrong
    ]
