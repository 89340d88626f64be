"""Grokking Deep Learning, chapter 8: the derivative of relu is always 1."""

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
    shape = layers(3, 5, 2, hidden="relu", output="identity")
    return random_problem(
        np.random.default_rng(0),
        "gallery/grokking-relu",
        shape,
        {"name": "mse", "factor": 0.5, "batch": "sum", "outputs": "sum"},
        examples=5,
    )


def _with_constant_mask(problem: Problem, trace: Trace, layer: int, above: Array) -> Array:
    return above @ problem.parameters[layer + 1].weight.T * (trace.z[layer + 1] >= 0)


ENTRY = GalleryEntry(
    name="grokking-relu",
    title="The derivative of relu, asked of what relu gave",
    story=(
        "relu2deriv asks whether its argument is at least 0, and its argument is the output of "
        "relu, which always is. The mask is all ones, and the error passes units that were off."
    ),
    citation=Citation(
        "chapter8 relu2deriv",
        "https://github.com/iamtrask/Grokking-Deep-Learning/issues/9",
        2018,
    ),
    claims=(ClaimedBug("missing-activation-derivative", 0),),
    made=Reproduction(
        _question, partial(backpropagate, equations=replace(CORRECT, hidden_delta=_with_constant_mask))
    ),
)
