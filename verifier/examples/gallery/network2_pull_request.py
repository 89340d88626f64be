"""Pull request to Nielsen's network2.py: an additional derivative at the output."""

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
    shape = layers(4, 5, 3, hidden="sigmoid", output="sigmoid")
    return random_problem(
        np.random.default_rng(7),
        "gallery/nielsen-network2",
        shape,
        "nielsen.cross_entropy",
        examples=5,
        weights="out_in",
    )


def _with_extra_derivative(problem: Problem, trace: Trace) -> Array:
    p = trace.outputs
    return np.asarray((p - problem.batch.targets) * p * (1 - p))


ENTRY = GalleryEntry(
    name="nielsen-network2",
    title="The sigmoid's derivative under a cross entropy, where it cancels",
    story=(
        "network2.py gives a - y as the output's delta of its cross-entropy cost, which is right: "
        "the cost's derivative cancels that of the sigmoid. The pull request, which was closed, "
        "multiplied by the sigmoid's derivative again, as it stands in the book's equation for "
        "the quadratic cost."
    ),
    citation=Citation(
        "Fixed output error calculation in network2.py",
        "https://github.com/mnielsen/neural-networks-and-deep-learning/pull/77",
        2017,
    ),
    claims=(ClaimedBug("extra-output-derivative", 1, same_as="right-gradient-of-another-loss"),),
    made=Reproduction(
        _question, partial(backpropagate, equations=replace(CORRECT, output_delta=_with_extra_derivative))
    ),
)
