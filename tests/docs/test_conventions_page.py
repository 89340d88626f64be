"""The page on conventions says what the code takes: its presets are the table's, its rows are judged."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_impl.backpropagation import backpropagate
from verifier import verify
from verifier.examples.layers import layers, random_problem, with_gradients
from verifier.problem.loss import PRESETS

PAGE = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line
    ]
    return cells[2:]


COURSES = rows("Courses and libraries")
OUTPUTS = {
    "probabilities": {
        "cross_entropy": "softmax",
        "binary_cross_entropy": "sigmoid",
        "kl_divergence": "softmax",
    },
    "log_probabilities": {"kl_divergence": "log_softmax"},
}


def test_the_presets_of_the_page_are_those_of_the_table() -> None:
    said: dict[str, dict[str, Any]] = {}
    for preset, name, factor, batch, outputs, on, penalty in rows("Presets"):
        fields: dict[str, Any] = {"name": name, "batch": batch}
        fields |= {"factor": float(factor)} if factor else {}
        fields |= {"outputs": outputs} if outputs else {}
        fields |= {"on": on} if on else {}
        fields |= {"l2": penalty_of(penalty)} if penalty else {}
        said[preset.strip("`")] = fields
    assert said == {name: dict(fields) for name, fields in PRESETS.items()}


def penalty_of(cell: str) -> dict[str, Any]:
    words = dict(word.split() for word in cell.split(", "))
    return {"factor": float(words["factor"]), "batch": words["batch"], "biases": json.loads(words["biases"])}


def test_every_preset_is_some_course_or_library() -> None:
    assert all(any(preset in row[5] for row in COURSES) for preset in PRESETS)


@pytest.mark.parametrize("row", COURSES, ids=[row[0] for row in COURSES])
def test_a_right_gradient_in_a_courses_layout_under_its_loss_is_correct(row: list[str]) -> None:
    _, _, weights, examples, bias, loss = (cell.strip("`") for cell in row)
    declared = json.loads(loss)
    name = declared if isinstance(declared, str) else declared.get("preset")
    fields = PRESETS[name] if name else declared
    output = OUTPUTS.get(fields.get("on", ""), {}).get(fields["name"], "identity")
    question = random_problem(
        np.random.default_rng(0),
        "course",
        layers(3, 4, 2, hidden="tanh", output=output),
        declared,
        examples=5,
        classes=fields["name"] == "hinge" or (isinstance(declared, dict) and "class_weights" in declared),
        weights=weights,
        axis=examples,
    )
    shape = np.shape(question["parameters"]["layers.0.bias"])
    assert bias == {1: "(out,)", 2: "(out, 1)"}[len(shape)]
    report = verify(with_gradients(question, backpropagate), oracles=("backpropagation",))
    assert report.verdict == "correct", str(report)
