"""dennybritz/nn-from-scratch: the loss is divided by N, but its gradient is not."""

from typing import Any

import numpy as np

from reference_impl.network import LayerParameters, Parameters, forward
from reference_impl.problem import Problem
from reference_impl.softmax import softmax
from verifier.examples.gallery.entry import Citation, ClaimedBug, GalleryEntry, Reproduction
from verifier.examples.layers import layers, random_problem


def _question() -> dict[str, Any]:
    shape = layers(2, 3, 2, hidden="tanh", output="identity")
    return random_problem(
        np.random.default_rng(7),
        "gallery/nn-from-scratch",
        shape,
        {
            "name": "cross_entropy",
            "on": "logits",
            "batch": "mean",
            "l2": {"strength": 0.01, "factor": 0.5, "batch": "mean"},
        },
        examples=7,
        classes=True,
    )


def _summed_gradients(problem: Problem) -> Parameters:
    """Return the gradients of the sum over the examples and of N times the penalty."""
    trace = forward(problem.network, problem.parameters, problem.batch)
    delta = softmax(trace.outputs) - problem.batch.targets
    hidden = delta @ problem.parameters[1].weight.T * (1 - trace.z[1] ** 2)
    strength = problem.risk.penalties[0].strength
    return tuple(
        LayerParameters(
            trace.z[layer].T @ layer_delta + strength * problem.parameters[layer].weight,
            layer_delta.sum(axis=0),
        )
        for layer, layer_delta in enumerate((hidden, delta))
    )


ENTRY = GalleryEntry(
    name="nn-from-scratch",
    title="The loss is a mean over the examples, its gradient a sum",
    story=(
        "The tutorial prints the mean of the cross entropy and of the penalty over all N "
        "examples, and descends along the gradient of their sum. Only the learning rate knows the "
        "difference; who checks the gradient finds it N times too large."
    ),
    citation=Citation(
        "Implementing a Neural Network from scratch",
        "https://github.com/dennybritz/nn-from-scratch/blob/master/nn_from_scratch.py",
        2015,
    ),
    claims=(ClaimedBug("batch-sum-for-mean"),),
    made=Reproduction(_question, _summed_gradients),
)
