"""What people read of a diagnosis: whole sentences, the place, and no answer in the hint."""

import json
import re
from functools import cache

import numpy as np
import pytest

from reference_impl import Penalty, forward, named
from tests.drawing import draw_problem
from tests.verifier.diagnosis.builders import backward, judged, tanh_problem
from verifier.diagnosis.catalogue import BUGS
from verifier.diagnosis.mutants import mutants
from verifier.exporters import EXPORTERS

FIELDS = {  # of the contract
    "bug",
    "layer",
    "equation",
    "parameters",
    "factor",
    "residual",
    "also_consistent",
    "explanation",
    "formula",
    "hint",
}
NOT_FINITE = {"layers.0.bias": np.array([np.nan, 1.0, 1.0])}


@cache
def made():
    """Gradients of each bug on one problem."""
    problem = draw_problem(
        np.random.default_rng(81),
        activation_name="relu",
        output="softmax",
        loss="cross_entropy",
        on="probabilities",
        widths=(3, 3, 3, 3),
        examples=5,
        masked=True,
        penalties=(Penalty("l2", 0.1, 0.5),),
    )
    cosines = {name: np.cos(7.0 * array) for name, array in named(problem.parameters)}
    found = {"overflow": [NOT_FINITE], "unexplained": [cosines]}
    for mutant in mutants(problem, forward(problem.network, problem.parameters, problem.batch)):
        found.setdefault(mutant.bug.id, [dict(named(mutant.gradients))])
    return problem, found


@cache
def read(bug):
    """Reports in which the bug is named, with its row."""
    problem, forms = made()
    reports = [judged(problem, gradients) for gradients in forms.get(bug, [])]
    return [(report, row) for report in reports for row in report.diagnosis if row.bug == bug][:1]


def test_most_of_the_catalogue_is_read_here():
    assert sum(bool(read(bug)) for bug in BUGS) > 0.7 * len(BUGS)


@pytest.mark.parametrize("bug", BUGS)
def test_an_explanation_is_whole_sentences_and_names_the_place(bug):
    for _, row in read(bug):
        for text in (row.explanation, row.hint, row.title):
            assert not any(sign in text for sign in ("{", "}", "  ", "None"))
            assert text.startswith("δ") or text[0] == text[0].upper()
        assert row.explanation.endswith(".")
        assert row.hint.endswith(("?", "."))
        if row.layer is not None:
            assert re.search(rf"layer {row.layer}\b", row.explanation)
            assert re.search(rf"layer {row.layer}\b", row.hint)
        assert row.title == BUGS[bug].words.title
        assert row.formula == f"right: {row.right}; used: {row.wrong}"


@pytest.mark.parametrize("bug", BUGS)
def test_a_hint_holds_no_number_but_the_layers_and_no_formula(bug):
    for _, row in read(bug):
        rest = re.sub(r"layer \d+ \([^)]*\)|layer \d+", "", row.hint)
        assert not re.search(r"\d", rest)
        assert not any(sign in rest for sign in ("=", "∘", "Σ", "ᵀ", "·", "∂"))


@pytest.mark.parametrize("bug", BUGS)
def test_a_row_of_the_document_has_the_contracts_fields_and_is_json(bug):
    for report, row in read(bug):
        document = json.loads(json.dumps(report.to_dict(), allow_nan=False))
        written = next(own for own in document["diagnosis"] if own["bug"] == bug)
        assert written.keys() >= FIELDS
        assert (written["layer"], written["equation"]) == (row.layer, row.equation)
        assert set(written["parameters"]) <= {own["name"] for own in document["parameters"]}
        assert set(written) - FIELDS <= {"title", "right_formula", "used_formula", *row.estimates}


@pytest.mark.parametrize("bug", BUGS)
@pytest.mark.parametrize("format_name", ["text", "markdown"])
def test_people_read_bug_place_and_hint_in_every_format(format_name, bug):
    for report, row in read(bug):
        plain = EXPORTERS[format_name].export(report).replace("\\", "").replace("`", "")
        where = "the whole network" if row.layer is None else f"layer {row.layer}"
        assert f"{bug} in {where} ({row.equation})" in plain
        assert row.hint.replace("`", "") in plain


def test_a_report_shows_its_diagnosis_in_one_line_and_in_full():
    problem = tanh_problem(82)
    report = judged(problem, backward(problem, hidden={0: lambda d, w, a, z: d @ w.T})[0])
    heading = "missing-activation-derivative in layer 0 (hidden_delta)"
    assert f"diagnosis: {heading}" in repr(report)
    assert "\n" not in repr(report)
    assert f"  diagnosis: {heading}" in str(report).splitlines()
    assert "It shows in every unit of layer 0" in report.diagnosis[0].explanation
    assert "right: δ_l = " in str(report)


def test_a_right_report_says_nothing_of_mistakes():
    problem = tanh_problem(83)
    report = judged(problem, backward(problem)[0])
    assert "diagnosis" not in str(report)
    assert report.to_dict()["diagnosis"] == []


def test_what_was_estimated_stands_in_the_words():
    problem = tanh_problem(84)
    gradients = {name: 0.125 * array for name, array in backward(problem)[0].items()}
    (row,) = judged(problem, gradients).diagnosis
    assert (row.bug, row.layer) == ("constant-factor", None)
    assert "0.125" in row.explanation
    assert "0.125" not in row.hint
