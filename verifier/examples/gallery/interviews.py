"""Deep Learning Interviews: the sigmoid's derivative is evaluated at its input instead of its output."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import (
    CORRECT,
    backpropagate,
)
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.examples.gallery.entry import Citation, ClaimedBug, GalleryEntry, Reproduction
from verifier.examples.layers import layers, random_problem


def _question() -> dict[str, Any]:
    shape = layers(3, 4, 2, hidden="sigmoid", output="identity")
    return random_problem(
        np.random.default_rng(7),
        "gallery/deep-learning-interviews",
        shape,
        {"name": "mse", "factor": 0.5, "batch": "mean", "outputs": "sum"},
        examples=5,
    )


def _of_the_input(problem: Problem, trace: Trace, layer: int, above: Array) -> Array:
    x = trace.a[layer]
    return np.asarray(above @ problem.parameters[layer + 1].weight.T * x * (1 - x))


ENTRY = GalleryEntry(
    name="deep-learning-interviews",
    title="x (1 - x), where x is what goes into the sigmoid",
    story=(
        "The solution keeps the sigmoid's input x and gives x (1 - x) as its derivative. The "
        "formula belongs to the output: s (1 - s) with s = sigmoid(x)."
    ),
    citation=Citation(
        "SOL-120 bug?",
        "https://github.com/BoltzmannEntropy/interviews.ai/issues/15",
        2025,
    ),
    claims=(ClaimedBug("output-form-at-preactivation", 0),),
    made=Reproduction(
        _question, partial(backpropagate, equations=replace(CORRECT, hidden_delta=_of_the_input))
    ),
)
