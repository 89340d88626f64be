"""Submissions to start from; one row each. Their gradients are right, but for the one that says otherwise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.backpropagation import CORRECT, Equations, backpropagate, weight_gradient
from reference_impl.network import Trace, named
from reference_impl.problem import Problem
from verifier.convention import as_submitted
from verifier.documents.reading import read_question
from verifier.documents.submission_document import with_lists


@dataclass(frozen=True, slots=True)
class Example:
    """question: the document without gradients. equations: those that its gradients are made by."""

    name: str
    description: str
    question: Callable[[np.random.Generator], dict[str, Any]]
    equations: Equations = CORRECT


def _layers(*sizes: int, hidden: str, output: str = "identity") -> list[dict[str, Any]]:
    last = len(sizes) - 2
    return [
        {"in": sizes[i], "out": sizes[i + 1], "activation": output if i == last else hidden}
        for i in range(last + 1)
    ]


def _question(
    rng: np.random.Generator,
    name: str,
    layers: list[dict[str, Any]],
    loss: Any,
    *,
    examples: int,
    classes: bool = False,
    weights: str = "in_out",
    axis: str = "rows",
) -> dict[str, Any]:
    """Draw short decimals for every number, so that the example can be redone by hand."""
    turned, columns = weights == "out_in", axis == "columns"
    parameters: dict[str, Array] = {}
    for index, layer in enumerate(layers):
        shape = (layer["out"], layer["in"]) if turned else (layer["in"], layer["out"])
        parameters[f"layers.{index}.weight"] = np.round(rng.normal(scale=0.5, size=shape), 2)
        bias_shape = (layer["out"], 1) if columns else (layer["out"],)
        parameters[f"layers.{index}.bias"] = np.round(rng.normal(scale=0.2, size=bias_shape), 2)
    inputs = np.round(rng.normal(size=(examples, layers[0]["in"])), 1)
    outputs = layers[-1]["out"]
    targets = rng.integers(outputs, size=examples) if classes else rng.integers(2, size=(examples, outputs))
    if columns:
        inputs, targets = inputs.T, targets.T
    return {
        "name": name,
        "network": {"layers": layers, "weights": weights, "examples": axis},
        "loss": loss,
        "parameters": parameters,
        "inputs": inputs,
        "targets": targets,
    }


def _forgets_the_activation(problem: Problem, trace: Trace, layer: int, delta: Array) -> Array:
    """∂R/∂W of the last layer from its pre-activated input a instead of z = g(a)."""
    if layer == 0:
        return weight_gradient(problem, trace, layer, delta)
    return np.asarray(trace.a[layer - 1].T @ delta)


EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        row.name: row
        for row in (
            Example(
                "sigmoid-mse",
                "the lecture's network: sigmoid, then identity, R = 1/N Σ ½(y - f)²",
                lambda rng: _question(
                    rng, "sigmoid-mse", _layers(3, 4, 2, hidden="sigmoid"), {"name": "mse"}, examples=4
                ),
            ),
            Example(
                "relu-cross-entropy",
                "a classifier: two relu layers, cross entropy on logits, class indices",
                lambda rng: _question(
                    rng,
                    "relu-cross-entropy",
                    _layers(4, 5, 4, 3, hidden="relu"),
                    {"name": "cross_entropy", "on": "logits"},
                    examples=6,
                    classes=True,
                ),
            ),
            Example(
                "pytorch",
                "PyTorch's layout: weights (out, in), MSELoss",
                lambda rng: _question(
                    rng,
                    "pytorch",
                    _layers(3, 4, 2, hidden="tanh"),
                    {"preset": "torch.mse"},
                    examples=4,
                    weights="out_in",
                ),
            ),
            Example(
                "columns",
                "examples as columns, biases (out, 1), binary cross entropy on sigmoid outputs",
                lambda rng: _question(
                    rng,
                    "columns",
                    _layers(2, 4, 1, hidden="tanh", output="sigmoid"),
                    {"name": "binary_cross_entropy", "on": "probabilities"},
                    axis="columns",
                    examples=5,
                    weights="out_in",
                ),
            ),
            Example(
                "every-equation",
                "equal widths, three activations, a penalty: the shape in which most bugs can be made",
                lambda rng: _question(
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
                lambda rng: _question(
                    rng, "wrong-layer", _layers(3, 4, 2, hidden="sigmoid"), {"name": "mse"}, examples=4
                ),
                replace(CORRECT, weight_gradient=_forgets_the_activation),
            ),
        )
    }
)


STRONGEST = "every-equation"  # the shape that allows most bugs


def example_document(name: str) -> dict[str, Any]:
    """Give an example's document, ready for JSON. Raises: KeyError for a name that is none."""
    row = EXAMPLES[name]
    document = row.question(np.random.default_rng(7))
    submission = read_question(document)
    gradients = named(backpropagate(submission.problem, row.equations))
    document["gradients"] = {key: as_submitted(key, value, submission.convention) for key, value in gradients}
    return with_lists(document)
