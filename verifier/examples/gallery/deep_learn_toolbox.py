"""DeepLearnToolbox: weight decay is applied to biases."""

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
    shape = layers(3, 4, 2, hidden="tanh", output="sigmoid")
    return random_problem(
        np.random.default_rng(7),
        "gallery/deep-learn-toolbox",
        shape,
        {
            "name": "mse",
            "factor": 0.5,
            "batch": "mean",
            "outputs": "sum",
            "l2": {"strength": 0.1, "factor": 0.5, "biases": False},
        },
        examples=5,
    )


def _penalty_gradient_with_biases(problem: Problem, trace: Trace, layer: int) -> LayerParameters:
    layer_parameters, strength = problem.parameters[layer], problem.risk.penalties[0].strength
    assert layer_parameters.bias is not None  # every layer of this network has a bias
    return LayerParameters(strength * layer_parameters.weight, strength * layer_parameters.bias)


ENTRY = GalleryEntry(
    name="deep-learn-toolbox",
    title="The penalty on weights is taken of the biases too",
    story=(
        "Biases are a column of each layer's weight matrix, and the penalty's gradient is taken "
        "of the whole matrix. A later change made it a choice."
    ),
    citation=Citation(
        "L2 regularization of bias terms",
        "https://github.com/rasmusbergpalm/DeepLearnToolbox/issues/32",
        2013,
    ),
    claims=(ClaimedBug("penalty-on-biases"),),
    made=Reproduction(
        _question,
        partial(backpropagate, equations=replace(CORRECT, penalty_gradient=_penalty_gradient_with_biases)),
    ),
)
