"""Grokking Deep Learning, chapter 6: the sign of the gradient is flipped."""

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
    shape = layers(3, 4, 1, hidden="relu", output="identity")
    return random_problem(
        np.random.default_rng(7),
        "gallery/grokking-sign",
        shape,
        {"name": "mse", "factor": 0.5, "batch": "sum", "outputs": "sum"},
        examples=4,
    )


def _with_flipped_sign(problem: Problem, trace: Trace) -> Array:
    return problem.batch.targets - trace.outputs


ENTRY = GalleryEntry(
    name="grokking-sign",
    title="The target minus the prediction",
    story=(
        "The output's delta is written target - prediction, and the update adds it, so that the "
        "network learns. As a gradient it points the wrong way: who takes it for one and "
        "subtracts it climbs."
    ),
    citation=Citation(
        "Chapter 6: layer_2_delta calculation",
        "https://github.com/iamtrask/Grokking-Deep-Learning/issues/37",
        2020,
    ),
    claims=(ClaimedBug("sign-flipped"),),
    made=Reproduction(
        _question, partial(backpropagate, equations=replace(CORRECT, output_delta=_with_flipped_sign))
    ),
)
