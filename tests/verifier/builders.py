"""Small documents for tests, in any convention: short decimals from a seeded generator."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from reference_impl.network import named
from reference_impl.problem import Problem
from tests.verifier.native import with_gradients

ABSENT = object()  # as a value: leave the field out


def document_of_problem(
    problem: Problem,
    *,
    weights: str = "in_out",
    examples: str = "rows",
    bias_shape: str = "(out,)",
    classes: bool = False,
    **fields: Any,
) -> dict[str, Any]:
    """Write a problem as a document in a convention, with PyTorch's gradients."""

    def in_layout(array: Any) -> Any:
        return array.T if examples == "columns" else array

    parameters = {}
    for name, array in named(problem.parameters):
        if name.endswith(".weight"):
            parameters[name] = array.T if weights == "out_in" else array
        else:
            shape = {"(out,)": (-1,), "(1, out)": (1, -1), "(out, 1)": (-1, 1)}[bias_shape]
            parameters[name] = array.reshape(shape)
    risk, targets = problem.risk, problem.batch.targets
    loss: dict[str, Any] = {"name": risk.loss.name, "factor": risk.factor, "batch": risk.batch}
    if risk.loss.reduces_outputs:
        loss["outputs"] = risk.outputs
    if risk.on != "values":
        loss["on"] = risk.on
    for penalty in risk.penalties:
        loss[penalty.norm] = {
            "strength": penalty.strength,
            "factor": penalty.factor,
            "batch": penalty.batch,
            "biases": penalty.biases,
        }
    document: dict[str, Any] = {
        "network": {
            "layers": [
                {
                    "in": layer.inputs,
                    "out": layer.outputs,
                    "activation": {"name": layer.activation.name, **layer.activation.options}
                    if layer.activation.options
                    else layer.activation.name,
                    "bias": layer.bias,
                }
                for layer in problem.network.layers
            ],
            "weights": weights,
            "examples": examples,
        },
        "loss": loss,
        "parameters": parameters,
        "inputs": in_layout(problem.batch.inputs),
        "targets": targets.argmax(axis=1) if classes else in_layout(targets),
    }
    if problem.batch.masks:
        document["masks"] = {f"layers.{i}": in_layout(mask) for i, mask in problem.batch.masks.items()}
    return with_gradients(document) | fields


def small_document(**fields: Any) -> dict[str, Any]:
    """Return a correct classifier of 3-4-2 over 5 examples, nested lists as JSON has them."""
    rng = np.random.default_rng(11)
    document = {
        "network": {
            "layers": [
                {"in": 3, "out": 4, "activation": "tanh"},
                {"in": 4, "out": 2, "activation": "identity"},
            ]
        },
        "loss": {"name": "cross_entropy"},
        "parameters": {
            "layers.0.weight": np.round(rng.normal(size=(3, 4)), 2),
            "layers.0.bias": np.round(rng.normal(size=4), 2),
            "layers.1.weight": np.round(rng.normal(size=(4, 2)), 2),
            "layers.1.bias": np.round(rng.normal(size=2), 2),
        },
        "inputs": np.round(rng.normal(size=(5, 3)), 2),
        "targets": [0, 1, 1, 0, 1],
    }
    return nested_lists(with_gradients(document)) | fields


def nested_lists(value: Any) -> Any:
    """Return nested lists for arrays."""
    if isinstance(value, dict):
        return {key: nested_lists(inner) for key, inner in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def with_value(document: dict[str, Any], path: Sequence[str | int], value: Any) -> dict[str, Any]:
    """Return a copy with another value at a path; ABSENT takes the field out."""
    if not path:
        return value
    document = copy.deepcopy(document)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    if value is ABSENT:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document
