"""ddbourgin/numpy-ml: the mask of dropout is missing from the backward pass."""

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
    shape = layers(3, 6, 2, hidden="tanh", output="identity")
    return random_problem(
        np.random.default_rng(7),
        "gallery/numpy-ml-dropout",
        shape,
        {"name": "mse", "factor": 0.5, "batch": "mean", "outputs": "sum"},
        examples=5,
        dropout=0.5,
    )


def _without_the_mask(problem: Problem, trace: Trace, layer: int, above: Array) -> Array:
    scale = problem.batch.masks[layer].max()  # 1 / (1 − p)
    upstream = above @ problem.parameters[layer + 1].weight.T * scale
    return problem.network.layers[layer].activation.vjp(trace.a[layer], upstream)


ENTRY = GalleryEntry(
    name="numpy-ml-dropout",
    title="Dropout is not applied on the way back",
    story=(
        "The dropout wrapper multiplies by a mask and by 1 / (1 - p) on the way forward, but on "
        "the way back by 1 / (1 - p) alone: units that were dropped receive a gradient, and "
        "layers below inherit it."
    ),
    citation=Citation(
        "Backpropagation of dropout wrapper does not apply the mask",
        "https://github.com/ddbourgin/numpy-ml/issues/94",
        2024,
    ),
    claims=(ClaimedBug("dropout-mask-missing", 0), ClaimedBug("constant-factor", 0)),
    made=Reproduction(
        _question, partial(backpropagate, equations=replace(CORRECT, hidden_delta=_without_the_mask))
    ),
)
