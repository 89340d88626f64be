"""Grokking Deep Learning, chapter 8: the scale of dropout is missing from the backward pass."""

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
    shape = layers(3, 6, 2, hidden="relu", output="identity")
    return random_problem(
        np.random.default_rng(0),
        "gallery/grokking-dropout",
        shape,
        {"name": "mse", "factor": 0.5, "batch": "sum", "outputs": "sum"},
        examples=12,
        dropout=0.5,
    )


def _with_unscaled_mask(problem: Problem, trace: Trace, layer: int, above: Array) -> Array:
    upstream = above @ problem.parameters[layer + 1].weight.T
    return upstream * (trace.a[layer] > 0) * (problem.batch.masks[layer] > 0)


ENTRY = GalleryEntry(
    name="grokking-dropout",
    title="Dropout's factor 2 is left out on the way back",
    story=(
        "On the way forward the hidden layer is multiplied by the mask and by 2, since half of "
        "the units are dropped; on the way back by the mask alone. The hidden layer's gradient is "
        "half of what it should be."
    ),
    citation=Citation(
        "chap8:layer_1_delta *= dropout_mask",
        "https://github.com/iamtrask/Grokking-Deep-Learning/issues/68",
        2024,
    ),
    claims=(ClaimedBug("dropout-scale-missing", 0),),
    made=Reproduction(
        _question, partial(backpropagate, equations=replace(CORRECT, hidden_delta=_with_unscaled_mask))
    ),
)
