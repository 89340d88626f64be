"""A student may learn of a graph's hidden gradient: verdicts, places that follow from them, names."""

from collections.abc import Mapping
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.pairwise import check_rows, each
from verifier import verify
from verifier.examples.graphs import BUGGY_EXAMPLES, GRAPH_EXAMPLES
from verifier.examples.layers import example_document
from verifier.exporters import EXPORTERS, ExportOptions
from verifier.exporters.student_view import to_student_view
from verifier.report.assignment import StudentVisibility
from verifier.report.outcome import FileOutcome
from verifier.report.report import Report

ALL = StudentVisibility(bug=True)
EVERY_SUBSET = [StudentVisibility(True, *flags) for flags in product((False, True), repeat=4)]
QUESTION = example_document("cs231n-circuit")
RIGHT: Mapping[str, float] = QUESTION["gradients"]


def student_document(
    gradients: Mapping[str, Any], visibility: StudentVisibility = ALL, **fields: Any
) -> dict[str, Any]:
    document = {**QUESTION, "gradients": dict(gradients), **fields}
    view = to_student_view(verify(document, oracles=["backpropagation"]), visibility).to_dict()
    for node in view.get("network", {}).get("nodes", ()):
        node.pop("gradient", None)  # the student's own
    return view


@pytest.mark.parametrize("key", ["w0", "inputs.x1", "nodes.s", "nodes.below"])
@pytest.mark.parametrize("preset", ["strict", "standard"])
def test_a_guess_of_one_number_gets_the_answer_that_any_wrong_number_gets(key: str, preset: str) -> None:
    right = RIGHT[key]
    fields = {"tolerance": {"preset": preset}, "precision": "float64"}
    far = student_document({key: -12.3456789}, **fields)
    guesses = [right + 1e-5, right * (1 + 1e-4), round(right, 2), round(right, 3), 3.7 * right, 1e-3 * right]
    if preset == "strict":  # wrong by less than what any name is told of
        guesses += [right * (1 + 1e-9), right * (1 + 1e-12)]
    for guess in guesses:
        assert student_document({key: guess}, **fields) == far, guess


def test_a_number_beside_an_explained_one_is_told_by_its_verdict_alone() -> None:
    sign = {"nodes.s": -RIGHT["nodes.s"]}
    documents = [student_document({**sign, "w2": value}) for value in (7.0, -3.25, RIGHT["w2"] * 1.01)]
    assert all(each == documents[0] for each in documents)
    assert not [row for row in documents[0]["diagnosis"] if row.get("bug") not in (None, "", "unexplained")]


def test_where_it_is_first_wrong_follows_from_verdicts_alone() -> None:
    document = {**QUESTION, "gradients": {**RIGHT, "w0": 5.5, "nodes.a": 7.25}}
    seen = to_student_view(verify(document))
    assert [(row.node, row.hint) for row in seen.diagnosis] == [
        ("nodes.a", "Write down which nodes use nodes.a, and what each hands back."),
        ("w0", "Write down which nodes use w0, and what each hands back."),
    ]


@pytest.mark.parametrize("name", BUGGY_EXAMPLES)
def test_a_typical_mistake_is_told_with_its_place_and_a_hint_by_default(name: str) -> None:
    report = verify(BUGGY_EXAMPLES[name].document(), oracles=["backpropagation"])
    seen = to_student_view(report)
    assert {row.node for row in seen.diagnosis} == {row.node for row in report.diagnosis}
    assert all(row.hint and not row.bug for row in seen.diagnosis)


def numbers_of(report: Report) -> list[str]:
    """Return the secret numbers to 5 digits: expected values, and values of nodes."""
    numbers = [entry.expected for row in report.parameters.values() for entry in row.worst]
    numbers += [report.loss.value]
    return [f"{abs(number):.10g}"[:7] for number in numbers if number not in (0.0, 1.0)]


@pytest.mark.parametrize("name", GRAPH_EXAMPLES)
def test_no_format_tells_a_student_a_number_of_the_gradient(name: str) -> None:
    document = example_document(name)
    for key, gradient in document["gradients"].items():
        document["gradients"][key] = (np.asarray(gradient) * 1.25 + 0.375).tolist()
    report = verify(document, oracles=["backpropagation"])
    outcome = FileOutcome("hw.json", to_student_view(report, ALL))
    hidden = [number for number in numbers_of(report) if len(number) > 4]

    def check_no_numbers(format_name: str) -> None:
        text = EXPORTERS[format_name].render([outcome], ExportOptions())
        assert [number for number in hidden if number in text] == []

    check_rows(check_no_numbers, EXPORTERS)


@cache
def diamond() -> Report:
    return verify(BUGGY_EXAMPLES["two-path-diamond"].document(), oracles=["backpropagation"])


@each(EVERY_SUBSET)
def test_what_is_withheld_of_a_graph_is_in_no_field(visibility: StudentVisibility) -> None:
    document = to_student_view(diamond(), visibility).to_dict()
    assert ("network" in document) == (visibility.parameters and visibility.layer)
    assert bool(document["parameters"]) == visibility.parameters
    text = str(document["diagnosis"])
    assert ("missing-path" in text) == visibility.bug
    assert ("'node': 'x'" in text) == visibility.layer
    if not visibility.layer:
        assert "nodes." not in text
    assert ("hint" in text) == visibility.hint


def test_an_error_too_small_for_any_row_is_placed_and_judged() -> None:
    document = example_document("residual-block")
    document["gradients"]["W1"][0][0] += 1e-9
    report = verify({**document, "tolerance": {"preset": "strict"}})
    assert report.verdict == "incorrect"
    (row,) = to_student_view(report).diagnosis
    assert row.node == "W1"
