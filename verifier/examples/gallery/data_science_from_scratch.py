"""joelgrus/data-science-from-scratch: deltas are propagated through updated weights."""

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


def _question() -> dict[str, Any]:
    shape = layers(4, 5, 3, hidden="sigmoid", output="sigmoid")
    return random_problem(
        np.random.default_rng(7),
        "gallery/data-science-from-scratch",
        shape,
        {"name": "mse", "factor": 0.5, "batch": "sum", "outputs": "sum"},
        examples=4,
    )


def _through_updated_weights(problem: Problem, trace: Trace, layer: int, above: Array) -> Array:
    updated = problem.parameters[layer + 1].weight - weight_gradient(problem, trace, layer + 1, above)
    return through_activation(problem, trace, layer, above @ updated.T)


ENTRY = GalleryEntry(
    name="data-science-from-scratch",
    title="The error is sent back through weights that were just updated",
    story=(
        "The output layer's weights are adjusted at once, and the hidden layer's delta is "
        "computed with the new ones. Only the hidden layer's gradient is wrong. Replayed with "
        "steps of the whole gradient."
    ),
    citation=Citation(
        "Update the weights in backpropagation after calculating the hidden_deltas? (neuronal_networks.py)",
        "https://github.com/joelgrus/data-science-from-scratch/issues/31",
        2017,
    ),
    claims=(ClaimedBug("updated-weights", 0),),
    made=Reproduction(
        _question, partial(backpropagate, equations=replace(CORRECT, hidden_delta=_through_updated_weights))
    ),
)
