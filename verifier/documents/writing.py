"""Convert a submission back to its document, in its own conventions."""

from collections.abc import Mapping
from typing import Any

from reference_impl.array import Array
from reference_impl.problem import Problem
from verifier.documents.network import activation_document
from verifier.problem.loss import loss_fields
from verifier.problem.precision import PRECISIONS, Precision
from verifier.problem.submission import TOLERANCES, Convention, Submission, Tolerance, to_submitted_layout
from verifier.report.numbers import json_number, json_numbers


def make_submission(
    problem: Problem,
    gradients: Mapping[str, Array],
    *,
    name: str | None = None,
    precision: Precision = PRECISIONS["float64"],
    tolerance: Tolerance = TOLERANCES["standard"],
    convention: Convention | None = None,
) -> Submission:
    """Return a submission of gradients to a problem.

    gradients: by the name of the parameter, in internal shape.
    """
    return Submission(
        name=name,
        problem=problem,
        gradients=gradients,
        precision=precision,
        reported_loss=None,
        tolerance=tolerance,
        convention=convention or Convention(),
        graded_under=loss_fields(problem.risk),
    )


def submission_to_document(submission: Submission) -> dict[str, Any]:
    """Return the document with numpy arrays, expanded presets and explicit defaults."""
    problem, convention = submission.problem, submission.convention
    document: dict[str, Any] = {} if submission.name is None else {"name": submission.name}
    document |= {
        "network": {
            "layers": [
                {
                    "in": layer.inputs,
                    "out": layer.outputs,
                    "activation": activation_document(layer.activation),
                    **({} if layer.bias else {"bias": False}),
                }
                for layer in problem.network.layers
            ],
            "weights": convention.weights,
            "examples": convention.examples,
        },
        "loss": loss_fields(problem.risk),
        "parameters": {
            name: to_submitted_layout(name, array, convention) for name, array in problem.arrays.items()
        },
        "inputs": _in_submitted_axis(problem.batch.inputs, convention),
        "targets": _in_submitted_axis(problem.batch.targets, convention),
    }
    if problem.batch.masks:
        document["masks"] = {
            f"layers.{index}": _in_submitted_axis(mask, convention)
            for index, mask in problem.batch.masks.items()
        }
    document["gradients"] = {
        name: to_submitted_layout(name, array, convention) for name, array in submission.gradients.items()
    }
    document["precision"] = submission.precision.name
    if submission.reported_loss is not None:
        document["reported_loss"] = json_number(submission.reported_loss)
    tolerance = submission.tolerance
    document["tolerance"] = (
        {"preset": tolerance.preset} if tolerance.preset else {"rtol": tolerance.rtol, "atol": tolerance.atol}
    )
    return document


def arrays_to_lists(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with nested lists in place of arrays, ready for JSON."""
    return {key: _to_lists(value) for key, value in document.items()}


def _to_lists(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return json_numbers(value.tolist())
    if isinstance(value, dict):
        return {key: _to_lists(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_to_lists(item) for item in value]
    return json_numbers(value) if isinstance(value, float) else value


def _in_submitted_axis(array: Array, convention: Convention) -> Array:
    return array.T if convention.examples == "columns" else array
