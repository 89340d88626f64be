"""kvfrans/notes: one bias gradient is a mean over the batch instead of a sum."""

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
    shape = layers(4, 5, 1, hidden="relu", output="identity")
    return random_problem(
        np.random.default_rng(7),
        "gallery/jax-notes",
        shape,
        {"name": "mse", "factor": 1.0, "batch": "mean", "outputs": "mean"},
        examples=10,
        weights="out_in",
        axis="columns",
    )


def _mean_bias_gradient(problem: Problem, trace: Trace, layer: int, delta: Array) -> Array:
    if layer == 0:
        return np.asarray(delta.mean(axis=0))
    return bias_gradient(problem, trace, layer, delta)


ENTRY = GalleryEntry(
    name="jax-notes",
    title="The bias gradient is a mean over the batch, where all else is summed",
    story=(
        "The notes derive a two-layer network's gradient by hand and compare one of three "
        "parameters with JAX; that one is right. The bias gradient, which was not compared, is a "
        "mean over the batch, although the loss has divided by N already."
    ),
    citation=Citation(
        "Issue on page /2-training-neural-networks/backpropagation.html",
        "https://github.com/kvfrans/notes/issues/5",
        2025,
    ),
    claims=(ClaimedBug("bias-mean-for-sum", 0),),
    made=Reproduction(
        _question, partial(backpropagate, equations=replace(CORRECT, bias_gradient=_mean_bias_gradient))
    ),
)
