"""Assignment that is attacked, and the levels of visibility for students."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from verifier import verify
from verifier.documents.json import to_json
from verifier.exporters.student_view import to_student_view
from verifier.report.assignment import DEFAULT, StudentVisibility
from verifier.report.report import Report

ORACLES = ("backpropagation",)  # the other oracles agree and would only take time
LEVELS: Mapping[str, StudentVisibility | None] = {
    "nothing": None,
    "verdict": StudentVisibility(parameters=False, layer=False, hint=False),
    "verdict, parameters": StudentVisibility(layer=False, hint=False),
    "default (and layer, hint)": DEFAULT,
    "all (and bug)": StudentVisibility(bug=True),
}
PROBLEM: Mapping[str, Any] = {
    "network": {"layers": [{"in": 2, "out": 4, "activation": "sigmoid"}, {"in": 4, "out": 1}]},
    "loss": "mse",
    "parameters": {
        "layers.0.weight": [[0.5, -0.3, 0.2, 0.8], [0.7, -0.4, 0.3, 0.1]],
        "layers.0.bias": [0.1, -0.1, 0.2, 0.3],
        "layers.1.weight": [[0.7], [-0.4], [0.5], [-0.6]],
        "layers.1.bias": [0.3],
    },
    "inputs": [[1.0, -2.0], [0.5, 0.3], [-1.5, 1.0]],
    "targets": [[0.0], [1.0], [1.0]],
}
LAYERS, PARAMETERS = 2, 4
GUESSED = "layers.1.bias"  # a single number, which is the easiest to guess
Gradients = Mapping[str, Any]


def verify_problem(gradients: Gradients, diagnosis: bool = True, **fields: Any) -> Report:
    document = {**PROBLEM, "gradients": gradients, **fields}
    return verify(document, oracles=ORACLES, diagnosis=diagnosis)


def report_text(report: Report, visibility: StudentVisibility | None) -> str:
    """Return the text of the report for a student with this visibility."""
    return "received" if visibility is None else to_json(to_student_view(report, visibility).to_dict())


def right_gradients() -> dict[str, Any]:
    zeros = {name: np.zeros(np.shape(value)) for name, value in PROBLEM["parameters"].items()}
    report = verify({**PROBLEM, "gradients": zeros}, oracles=ORACLES, entries="all")
    return {name: row.entries.expected for name, row in report.parameters.items() if row.entries is not None}
