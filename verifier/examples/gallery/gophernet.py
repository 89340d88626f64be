"""dwhitena/gophernet: the sigmoid's derivative is evaluated at its output."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from reference_impl.activations import sigmoid
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
    shape = layers(4, 3, 3, hidden="sigmoid", output="sigmoid")
    return random_problem(
        np.random.default_rng(7),
        "gallery/gophernet",
        shape,
        {"name": "mse", "factor": 0.5, "batch": "sum", "outputs": "sum"},
        examples=7,
    )


def _derivative_at(outputs: Array) -> Array:
    activated_twice = sigmoid(outputs)
    return np.asarray(activated_twice * (1 - activated_twice))


def _output_delta(problem: Problem, trace: Trace) -> Array:
    return (trace.outputs - problem.batch.targets) * _derivative_at(trace.outputs)


def _hidden_delta(problem: Problem, trace: Trace, layer: int, above: Array) -> Array:
    return above @ problem.parameters[layer + 1].weight.T * _derivative_at(trace.z[layer + 1])


ENTRY = GalleryEntry(
    name="gophernet",
    title="The sigmoid's derivative, taken at the sigmoid's own value",
    story=(
        "The derivative of the sigmoid was applied to the layers' outputs, which are sigmoids "
        "already, and not to what goes into them: the sigmoid is taken twice. It is so at the "
        "output and in the hidden layer."
    ),
    citation=Citation(
        "Calculating slope using sigmoid prime in training",
        "https://github.com/dwhitena/gophernet/issues/6",
        2020,
    ),
    claims=(ClaimedBug("derivative-at-activation", 1),),
    made=Reproduction(
        _question,
        partial(
            backpropagate, equations=replace(CORRECT, output_delta=_output_delta, hidden_delta=_hidden_delta)
        ),
    ),
)
