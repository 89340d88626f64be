"""Table of weaknesses in a problem's shape that hide bugs, each with its remedy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from reference_impl.problem import Problem


@dataclass(frozen=True, slots=True)
class Advice:
    """A weakness of a problem. text: the bugs that it hides, and the remedy."""

    applies: Callable[[Problem], bool]
    text: str


def _examples(problem: Problem) -> int:
    return problem.batch.size


def _outputs(problem: Problem) -> int:
    return problem.network.layers[-1].outputs


ADVICE: tuple[Advice, ...] = (
    Advice(
        lambda p: _examples(p) == 1,
        "one example: a mean and a sum over examples are the same, and a bias gradient that is not summed "
        "passes; use at least 3 examples",
    ),
    Advice(
        lambda p: _examples(p) == 2,
        "two examples: a forgotten 1/N looks like a forgotten 2; use 3 or more",
    ),
    Advice(
        lambda p: _examples(p) > 1 and _examples(p) == _outputs(p),
        "as many examples as outputs: a mean over the one looks like a mean over the other; change N",
    ),
    Advice(
        lambda p: _outputs(p) == 1,
        "one output: a mean and a sum over outputs are the same; use 2 or more, unless the task has one",
    ),
    Advice(
        lambda p: any(layer.activation.name == "identity" for layer in p.network.layers[:-1]),
        "a linear hidden layer hides every mistake about g′; give it a nonlinear activation",
    ),
    Advice(
        lambda p: len(p.network.layers) == 1,
        "a single layer: nothing is sent down, so no mistake about a hidden δ can show; use two layers",
    ),
    Advice(
        lambda p: not any(layer.bias for layer in p.network.layers),
        "no biases: no mistake about a bias gradient can show",
    ),
    Advice(
        lambda p: bool((p.batch.inputs == 0).all(axis=0).any()),
        "an input that is 0 in every example: the gradients of its weights are 0 whatever the code does; "
        "change that column",
    ),
    Advice(
        lambda p: _examples(p) > 1 and len(np.unique(p.batch.inputs, axis=0)) < _examples(p),
        "equal examples: leaving one out or counting one twice shows less; make them all different",
    ),
)


def advise(problem: Problem) -> Iterator[str]:
    """Yield the advice that applies to a problem."""
    return (row.text for row in ADVICE if row.applies(problem))
