"""Bot-Academy/NeuralNetworkFromScratch: two mistakes in one backward pass."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import (
    CORRECT,
    backpropagate,
    through_activation,
    weight_gradient,
)
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.examples.gallery.entry import Citation, ClaimedBug, GalleryEntry, Reproduction
from verifier.examples.layers import layers, random_problem

LEARNING_RATE = 0.01


def _question() -> dict[str, Any]:
    shape = layers(4, 4, 3, hidden="sigmoid", output="sigmoid")
    return random_problem(
        np.random.default_rng(7),
        "gallery/bot-academy",
        shape,
        {"name": "mse", "factor": 0.5, "batch": "mean", "outputs": "sum"},
        examples=5,
    )


def _without_output_derivative(problem: Problem, trace: Trace) -> Array:
    return (trace.outputs - problem.batch.targets) / problem.batch.size


def _through_updated_weights(problem: Problem, trace: Trace, layer: int, above: Array) -> Array:
    step = weight_gradient(problem, trace, layer + 1, above)
    upstream = above @ (problem.parameters[layer + 1].weight - LEARNING_RATE * step).T
    return through_activation(problem, trace, layer, upstream)


ENTRY = GalleryEntry(
    name="bot-academy",
    title="No derivative at the output, and weights that were already updated",
    story=(
        "The output's delta is the difference alone, without the derivative of its sigmoid; and "
        "the weights of the last layer are changed before the error is sent through them. "
        "Replayed with a learning rate of 0.01."
    ),
    citation=Citation(
        "Fixed formally wrong backpropagation/gradient descent",
        "https://github.com/Bot-Academy/NeuralNetworkFromScratch/pull/3",
        2023,
    ),
    claims=(
        ClaimedBug("missing-output-derivative", 1, same_as="right-gradient-of-another-loss"),
        ClaimedBug("updated-weights", 0),
    ),
    made=Reproduction(
        _question,
        partial(
            backpropagate,
            equations=replace(
                CORRECT, output_delta=_without_output_derivative, hidden_delta=_through_updated_weights
            ),
        ),
    ),
)
