"""Draw a correct submission with informative numbers for a given shape."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import CORRECT, Equations, backpropagate, weight_gradient
from reference_impl.network import Parameters, Trace, named
from reference_impl.problem import Problem
from verifier.diagnosis.layer_inspection import most_informative_problem
from verifier.documents.reading import question_of, read_question
from verifier.documents.writing import arrays_to_lists, submission_to_document
from verifier.examples.graphs import GRAPH_EXAMPLES, GraphExample, informative_graph_document
from verifier.problem.submission import Submission, to_submitted_layout


def layers(*sizes: int, hidden: str, output: str = "identity") -> list[dict[str, Any]]:
    """Return the document's layers between `sizes`. output: the activation of the last layer."""
    last = len(sizes) - 2
    return [
        {"in": sizes[i], "out": sizes[i + 1], "activation": output if i == last else hidden}
        for i in range(last + 1)
    ]


def random_problem(
    rng: np.random.Generator,
    name: str,
    shape: list[dict[str, Any]],
    loss: Any,
    *,
    examples: int,
    classes: bool = False,
    weights: str = "in_out",
    axis: str = "rows",
    dropout: float | None = None,
) -> dict[str, Any]:
    """Return a document with random parameters, inputs and targets, without gradients.

    shape: the layers, see `layers`. weights, axis: layout of weights and examples, as in the document.
    classes: targets are class indices, otherwise rows of 0 and 1.
    dropout: drop probability of the first layer's units; the others are scaled up.
    """
    transposed, columns = weights == "out_in", axis == "columns"
    parameters: dict[str, Array] = {}
    for index, layer in enumerate(shape):
        size = (layer["out"], layer["in"]) if transposed else (layer["in"], layer["out"])
        parameters[f"layers.{index}.weight"] = np.round(rng.normal(scale=0.5, size=size), 2)
        bias_size = (layer["out"], 1) if columns else (layer["out"],)
        parameters[f"layers.{index}.bias"] = np.round(rng.normal(scale=0.2, size=bias_size), 2)
    inputs = np.round(rng.normal(size=(examples, shape[0]["in"])), 1)
    outputs = shape[-1]["out"]
    targets = rng.integers(outputs, size=examples) if classes else rng.integers(2, size=(examples, outputs))
    if columns:
        inputs, targets = inputs.T, targets.T
    question = {
        "name": name,
        "network": {"layers": shape, "weights": weights, "examples": axis},
        "loss": loss,
        "parameters": parameters,
        "inputs": inputs,
        "targets": targets,
    }
    if dropout is not None:
        kept = rng.random(size=(examples, shape[0]["out"])) >= dropout
        question["masks"] = {"layers.0": kept / (1 - dropout)}
    return question


def with_gradients(question: dict[str, Any], backward: Callable[[Problem], Parameters]) -> dict[str, Any]:
    """Return a question with the gradients of `backward` as a submission, ready for JSON."""
    submission = read_question(question)
    gradients = {
        name: to_submitted_layout(name, array, submission.convention)
        for name, array in named(backward(submission.problem))
    }
    return arrays_to_lists({**question, "gradients": gradients})


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
        return with_gradients(question, partial(backpropagate, equations=self.equations))


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
                lambda rng: random_problem(
                    rng, "sigmoid-mse", layers(3, 4, 2, hidden="sigmoid"), {"name": "mse"}, examples=4
                ),
            ),
            Example(
                "relu-cross-entropy",
                "a classifier: two relu layers, cross entropy on logits, class indices",
                lambda rng: random_problem(
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
                lambda rng: random_problem(
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
                lambda rng: random_problem(
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
                "weighted-classes",
                "classes of different weight and smoothed labels, mish, cross entropy on logits",
                lambda rng: random_problem(
                    rng,
                    "weighted-classes",
                    layers(3, 4, 3, hidden="mish"),
                    {"name": "cross_entropy", "class_weights": [1.0, 2.0, 0.5], "label_smoothing": 0.1},
                    examples=6,
                    classes=True,
                ),
            ),
            Example(
                "absolute-error",
                "a regression: selu, mean absolute error",
                lambda rng: random_problem(
                    rng,
                    "absolute-error",
                    layers(3, 4, 2, hidden="selu"),
                    {"name": "mae", "outputs": "mean"},
                    examples=4,
                ),
            ),
            Example(
                "every-equation",
                "equal widths, three activations, a penalty: the shape in which most bugs can be made",
                lambda rng: random_problem(
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
                lambda rng: random_problem(
                    rng, "wrong-layer", layers(3, 4, 2, hidden="sigmoid"), {"name": "mse"}, examples=4
                ),
                replace(CORRECT, weight_gradient=_forgets_the_activation),
            ),
        )
    }
)


EXAMPLES: Mapping[str, Example | GraphExample] = MappingProxyType({**LAYER_EXAMPLES, **GRAPH_EXAMPLES})

DEFAULT_EXAMPLE = "every-equation"  # its network allows most bugs


def example_document(name: str) -> dict[str, Any]:
    """Return an example as a JSON-serialisable document. Raises: KeyError for an unknown name."""
    return EXAMPLES[name].document()


def informative_document(like: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with new numbers for the network, loss and conventions, or the graph, of `like`.

    Raise MalformedSubmission with every mistake in `like`.
    """
    question = question_of(like)
    if not isinstance(question, Submission):
        return informative_graph_document(question)
    problem = most_informative_problem(question.problem)
    gradients = dict(named(backpropagate(problem)))
    name = None if question.name is None else f"{question.name}-strong"
    drawn = replace(question, name=name, problem=problem, gradients=gradients, reported_loss=None)
    return arrays_to_lists(submission_to_document(drawn))
