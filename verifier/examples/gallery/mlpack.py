"""mlpack's Add layer: the bias gradient is not summed over the batch."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import (
    CORRECT,
    backpropagate,
    bias_gradient,
)
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.examples.gallery.entry import Citation, ClaimedBug, GalleryEntry, Reproduction
from verifier.examples.layers import layers, random_problem


def _question() -> dict[str, Any]:
    shape = layers(3, 4, 2, hidden="tanh", output="identity")
    return random_problem(
        np.random.default_rng(7),
        "gallery/mlpack",
        shape,
        {"name": "mse", "factor": 1.0, "batch": "mean", "outputs": "sum"},
        examples=5,
    )


def _bias_gradient_of_first_example(problem: Problem, trace: Trace, layer: int, delta: Array) -> Array:
    last = layer == len(problem.parameters) - 1
    return delta[0] if last else bias_gradient(problem, trace, layer, delta)


ENTRY = GalleryEntry(
    name="mlpack",
    title="The bias gradient of a batch is that of one example",
    story=(
        "The Add layer, which only adds a bias, gave the error itself as its gradient. That is "
        "right for a batch of one; for more, the errors of all examples have to be summed. The "
        "layer had no test. Replayed with the first example's error in the last layer."
    ),
    citation=Citation(
        "Fix batch handling for `Add::Gradient()`",
        "https://github.com/mlpack/mlpack/pull/3679",
        2024,
    ),
    claims=(ClaimedBug("bias-not-summed", 1),),
    made=Reproduction(
        _question,
        partial(backpropagate, equations=replace(CORRECT, bias_gradient=_bias_gradient_of_first_example)),
    ),
)
