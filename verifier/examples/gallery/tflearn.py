"""Example of tflearn: softmax is applied twice."""

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
from reference_impl.softmax import softmax
from verifier.examples.gallery.entry import Citation, ClaimedBug, GalleryEntry, Reproduction
from verifier.examples.layers import layers, random_problem


def _question() -> dict[str, Any]:
    shape = layers(4, 5, 3, hidden="tanh", output="softmax")
    return random_problem(
        np.random.default_rng(7),
        "gallery/tflearn",
        shape,
        {"name": "cross_entropy", "on": "probabilities", "batch": "mean"},
        examples=5,
        classes=True,
    )


def _of_softmax_twice(problem: Problem, trace: Trace) -> Array:
    p = trace.outputs
    by_p = (softmax(p) - problem.batch.targets) / problem.batch.size
    return np.asarray(p * (by_p - (by_p * p).sum(axis=1, keepdims=True)))


ENTRY = GalleryEntry(
    name="tflearn",
    title="A softmax layer before a loss that takes logits",
    story=(
        "The network ended in softmax, and the loss was a softmax cross entropy on logits, which "
        "takes the softmax again. The gradient that was followed is that of softmax applied "
        "twice: right by its own loss, and no program complains."
    ),
    citation=Citation(
        "Double application of softmax",
        "https://github.com/tflearn/tflearn/pull/562",
        2017,
    ),
    claims=(ClaimedBug("softmax-twice", 1, same_as="right-gradient-of-another-loss"),),
    made=Reproduction(
        _question, partial(backpropagate, equations=replace(CORRECT, output_delta=_of_softmax_twice))
    ),
)
