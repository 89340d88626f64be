"""neuroph's SoftMax: the derivative is 1 - p."""

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
    shape = layers(3, 4, 3, hidden="sigmoid", output="softmax")
    return random_problem(
        np.random.default_rng(7),
        "gallery/neuroph",
        shape,
        {"name": "mse", "factor": 0.5, "batch": "mean", "outputs": "sum"},
        examples=5,
    )


def _one_minus_p(problem: Problem, trace: Trace) -> Array:
    p = trace.outputs
    return np.asarray((p - problem.batch.targets) * (1 - p) / problem.batch.size)


ENTRY = GalleryEntry(
    name="neuroph",
    title="Softmax is differentiated as 1 - p",
    story=(
        "getDerivative of the contributed SoftMax gave 1 - output. The question was whether it "
        "should be output * (1 - output); that is the diagonal of the Jacobian, and the rest of "
        "it is missing as well."
    ),
    citation=Citation(
        "SoftMax derivative correct?",
        "https://github.com/neuroph/neuroph/issues/37",
        2016,
    ),
    claims=(ClaimedBug("softmax-one-minus-p", 1),),
    made=Reproduction(
        _question, partial(backpropagate, equations=replace(CORRECT, output_delta=_one_minus_p))
    ),
)
