"""Random problem documents with short decimals that can be recomputed by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference_impl.array import Array
from reference_impl.network import Parameters, named
from reference_impl.problem import Problem
from verifier.convention import as_submitted
from verifier.documents.reading import read_question
from verifier.documents.submission_document import with_lists


def layers(*sizes: int, hidden: str, output: str = "identity") -> list[dict[str, Any]]:
    """Return the document's layers between `sizes`. output: the activation of the last layer."""
    last = len(sizes) - 2
    return [
        {"in": sizes[i], "out": sizes[i + 1], "activation": output if i == last else hidden}
        for i in range(last + 1)
    ]


def draw_question(
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


def answered(question: dict[str, Any], backward: Callable[[Problem], Parameters]) -> dict[str, Any]:
    """Return a question with the gradients of `backward` as a submission, ready for JSON."""
    submission = read_question(question)
    gradients = {
        name: as_submitted(name, array, submission.convention)
        for name, array in named(backward(submission.problem))
    }
    return with_lists({**question, "gradients": gradients})
