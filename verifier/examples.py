"""Example submissions, one row each. Their gradients are correct, except for `wrong-layer`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import CORRECT, Equations, backpropagate, weight_gradient
from reference_impl.network import Trace
from reference_impl.problem import Problem
from verifier.drawn_questions import answered, draw_question, layers
from verifier.graphs.examples import GRAPH_EXAMPLES, GraphExample


@dataclass(frozen=True, slots=True)
class Example:
    """Example submission.

    question: function of a random generator that returns the document without gradients.
    equations: equations that compute the gradients.
    """

    name: str
    description: str
    question: Callable[[np.random.Generator], dict[str, Any]]
    equations: Equations = CORRECT

    def document(self) -> dict[str, Any]:
        """Return the submission as a JSON-serialisable document."""
        question = self.question(np.random.default_rng(7))
        return answered(question, partial(backpropagate, equations=self.equations))


def _forgets_the_activation(problem: Problem, trace: Trace, layer: int, delta: Array) -> Array:
    """Return ∂R/∂W, using the pre-activations a of the layer below instead of its outputs z = g(a)."""
    if layer == 0:
        return weight_gradient(problem, trace, layer, delta)
    return np.asarray(trace.a[layer - 1].T @ delta)


LAYER_EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        row.name: row
        for row in (
            Example(
                "sigmoid-mse",
                "the lecture's network: sigmoid, then identity, R = 1/N Σ ½(y - f)²",
                lambda rng: draw_question(
                    rng, "sigmoid-mse", layers(3, 4, 2, hidden="sigmoid"), {"name": "mse"}, examples=4
                ),
            ),
            Example(
                "relu-cross-entropy",
                "a classifier: two relu layers, cross entropy on logits, class indices",
                lambda rng: draw_question(
                    rng,
                    "relu-cross-entropy",
                    layers(4, 5, 4, 3, hidden="relu"),
                    {"name": "cross_entropy", "on": "logits"},
                    examples=6,
                    classes=True,
                ),
            ),
            Example(
                "pytorch",
                "PyTorch's layout: weights (out, in), MSELoss",
                lambda rng: draw_question(
                    rng,
                    "pytorch",
                    layers(3, 4, 2, hidden="tanh"),
                    {"preset": "torch.mse"},
                    examples=4,
                    weights="out_in",
                ),
            ),
            Example(
                "columns",
                "examples as columns, biases (out, 1), binary cross entropy on sigmoid outputs",
                lambda rng: draw_question(
                    rng,
                    "columns",
                    layers(2, 4, 1, hidden="tanh", output="sigmoid"),
                    {"name": "binary_cross_entropy", "on": "probabilities"},
                    axis="columns",
                    examples=5,
                    weights="out_in",
                ),
            ),
            Example(
                "every-equation",
                "equal widths, three activations, a penalty: the shape in which most bugs can be made",
                lambda rng: draw_question(
                    rng,
                    "every-equation",
                    [
                        {"in": 4, "out": 4, "activation": "relu"},
                        {"in": 4, "out": 4, "activation": "tanh"},
                        {"in": 4, "out": 4, "activation": "sigmoid"},
                        {"in": 4, "out": 3, "activation": "identity"},
                    ],
                    {"name": "cross_entropy", "on": "logits", "l2": {"strength": 0.1}},
                    examples=5,
                    classes=True,
                ),
            ),
            Example(
                "wrong-layer",
                "one wrong layer: the last weight gradient takes a for z = g(a)",
                lambda rng: draw_question(
                    rng, "wrong-layer", layers(3, 4, 2, hidden="sigmoid"), {"name": "mse"}, examples=4
                ),
                replace(CORRECT, weight_gradient=_forgets_the_activation),
            ),
        )
    }
)


EXAMPLES: Mapping[str, Example | GraphExample] = MappingProxyType({**LAYER_EXAMPLES, **GRAPH_EXAMPLES})

STRONGEST = "every-equation"  # its network allows most bugs


def example_document(name: str) -> dict[str, Any]:
    """Return an example as a JSON-serialisable document. Raises: KeyError for an unknown name."""
    return EXAMPLES[name].document()
