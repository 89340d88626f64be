"""OpenNN 6.0: the penalty is missing from the gradient."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from reference_impl.backpropagation import (
    CORRECT,
    backpropagate,
)
from reference_impl.network import LayerParameters, Trace
from reference_impl.problem import Problem
from verifier.examples.gallery.entry import Citation, ClaimedBug, GalleryEntry, Reproduction
from verifier.examples.layers import layers, random_problem


def _question() -> dict[str, Any]:
    shape = layers(3, 4, 2, hidden="tanh", output="identity")
    return random_problem(
        np.random.default_rng(7),
        "gallery/opennn",
        shape,
        {
            "name": "mse",
            "factor": 1.0,
            "batch": "mean",
            "outputs": "sum",
            "l2": {"strength": 0.05, "factor": 1.0, "biases": True},
        },
        examples=5,
    )


def _zero_penalty_gradient(problem: Problem, trace: Trace, layer: int) -> LayerParameters:
    layer_parameters = problem.parameters[layer]
    bias = layer_parameters.bias
    return LayerParameters(
        np.zeros_like(layer_parameters.weight), None if bias is None else np.zeros_like(bias)
    )


ENTRY = GalleryEntry(
    name="opennn",
    title="The penalty is in the loss but not in the gradient",
    story=(
        "The layers' gradients were assembled before the regularization was added to them, so "
        "that training went the same way under every regularization and strength."
    ),
    citation=Citation(
        "Problems with Regularization Methods",
        "https://github.com/Artelnics/opennn/issues/241",
        2022,
    ),
    claims=(ClaimedBug("penalty-missing"),),
    made=Reproduction(
        _question, partial(backpropagate, equations=replace(CORRECT, penalty_gradient=_zero_penalty_gradient))
    ),
)
