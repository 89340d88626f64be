"""A student's report tells verdicts and hints, and nothing else that depends on the hidden gradient."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verifier.builders import small_document, with_value
from verifier import verify
from verifier.examples.layers import example_document
from verifier.exporters import EXPORTERS, ExportOptions
from verifier.exporters.github import step_summary
from verifier.exporters.student_view import to_student_view
from verifier.problem.errors import ReportWarning
from verifier.report.assignment import StudentVisibility
from verifier.report.model import (
    Audience,
    Diagnosis,
    Entries,
    Entry,
    Evidence,
    LossReport,
    ParameterReport,
    Uncertainty,
)
from verifier.report.outcome import FileOutcome
from verifier.report.points import Points
from verifier.report.reading import read_report
from verifier.report.report import Report
from verifier.report.verdict import Verdict, overall_verdict

CHOICES = ExportOptions(Points(10.0), moment=datetime(2026, 1, 1, tzinfo=UTC))
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
NAMES = ("layers.0.weight", "layers.0.bias", "layers.1.weight")
HIDDEN_CODES = ("dead-unit", "numerical-gradient", "another-loss", "oracles-disagree", "uncertain-reference")
SHOWN_CODES = ("kink", "one-example", "overflow", "loss-not-finite", "precision-inferred")
WORDS = st.text(min_size=1, max_size=8)


@st.composite
def references(draw: st.DrawFn, verdicts: tuple[Verdict, ...], places: tuple[Any, ...], codes: Any) -> Report:
    """Draw everything that a reference decides; verdicts, places of mistakes and open codes are given."""

    def entry() -> Entry:
        value = [draw(NUMBERS) for _ in range(6)]
        return Entry((draw(st.integers(0, 2)),), draw(st.sampled_from(Verdict)), *value, draw(st.booleans()))

    def parameter(name: str, verdict: Verdict) -> ParameterReport:
        if verdict is Verdict.MISSING:
            return ParameterReport(name, (3,), verdict)
        counts = [draw(st.integers(0, 3)) for _ in range(6)]
        measures = [draw(st.none() | NUMBERS) for _ in range(5)]
        array = np.array([draw(NUMBERS)])
        worst = tuple(entry() for _ in range(draw(st.integers(0, 2))))
        return ParameterReport(
            name, (3,), verdict, *counts, *measures, worst, Entries(array, array, array, array)
        )

    diagnosis = tuple(
        Diagnosis(
            bug=draw(WORDS),
            layer=layer,
            equation=equation,
            parameters=tuple(draw(st.lists(st.sampled_from(NAMES)))),
            factor=draw(st.none() | NUMBERS),
            residual=draw(NUMBERS),
            also_consistent=tuple(draw(st.lists(WORDS, max_size=2))),
            title=draw(WORDS),
            explanation=draw(WORDS),
            right=draw(WORDS),
            wrong=draw(WORDS),
            hint=hint,
            estimates={"weights": [draw(NUMBERS)]},
        )
        for layer, equation, hint in places
    )
    hidden = draw(st.lists(st.sampled_from(HIDDEN_CODES), unique=True))
    warnings = [ReportWarning(code, draw(WORDS), 0, (draw(st.integers(0, 9)),)) for code in (*codes, *hidden)]
    parameters = {n: parameter(n, v) for n, v in zip(NAMES, verdicts, strict=True)}
    evidence = Evidence(
        draw(WORDS), draw(st.integers(0, 9)), draw(st.booleans()), draw(NUMBERS), Uncertainty.BOUND
    )
    return Report(
        verdict=overall_verdict(verdicts),
        loss=LossReport(
            draw(NUMBERS),
            draw(NUMBERS),
            {"factor": draw(NUMBERS)},
            draw(NUMBERS),
            draw(st.sampled_from(Verdict)),
        ),
        parameters=parameters,
        warnings=tuple(draw(st.permutations(warnings))),
        evidence=(evidence,),
        versions={"numpy": draw(WORDS)},
        seconds=draw(st.floats(0, 100)),
        name="hw3",
        convention={"weights": draw(WORDS)},
        tolerance={"rtol": draw(NUMBERS), "atol": draw(NUMBERS), "preset": draw(WORDS)},
        diagnosis=diagnosis,
    )


@st.composite
def report_pairs(draw: st.DrawFn) -> tuple[Report, Report]:
    verdicts = tuple(draw(st.sampled_from(Verdict)) for _ in NAMES)
    place = st.tuples(st.none() | st.integers(0, 1), st.sampled_from(("hidden_delta", "loss")), WORDS)
    places = tuple(draw(st.lists(place, max_size=2)))
    codes = tuple(draw(st.lists(st.sampled_from(SHOWN_CODES), unique=True)))
    return draw(references(verdicts, places, codes)), draw(references(verdicts, places, codes))


def outputs(report: Report) -> dict[str, str]:
    reports = (FileOutcome("hw3.json", to_student_view(report)),)
    texts = {name: row.render(reports, CHOICES) for name, row in EXPORTERS.items()}
    return texts | {"step summary": step_summary(reports, CHOICES), "repr": repr(to_student_view(report))}


@settings(max_examples=settings().max_examples // 2)
@given(report_pairs())
def test_two_references_with_equal_verdicts_give_students_the_same_bytes(pair):
    first, second = pair
    assert to_student_view(first) == to_student_view(second)
    assert outputs(first) == outputs(second)


@given(report_pairs())
def test_platforms_without_a_hidden_place_get_the_students_report(pair):
    for report in pair:
        for name in ("prairielearn", "classroom50", "autolab"):
            render = EXPORTERS[name].render
            grader_text = render((FileOutcome("hw3.json", report),), CHOICES)
            assert grader_text == render((FileOutcome("hw3.json", to_student_view(report)),), CHOICES)


@pytest.mark.parametrize("format_name", ["gradescope", "otter"])
def test_only_a_graders_report_has_hidden_tests_and_only_they_differ(format_name):
    report = verify(example_document("wrong-layer"))
    full = json.loads(EXPORTERS[format_name].export(report, CHOICES))
    seen = json.loads(EXPORTERS[format_name].export(to_student_view(report), CHOICES))
    (hidden,) = [test for test in full["tests"] if test["visibility"] == "hidden"]
    assert "expected" in hidden["output"]
    full["tests"].remove(hidden)
    assert full == seen
    assert all(test["visibility"] == "visible" for test in seen["tests"])


def wrong_under(inputs_scale: float) -> Report:
    document = small_document(name="hw3")
    document["inputs"] = [[inputs_scale * x for x in row] for row in document["inputs"]]
    document["gradients"] = with_value(small_document(), ["gradients", "layers.0.weight", 1, 2], 50.0)[
        "gradients"
    ]
    del document["gradients"]["layers.1.bias"]
    return verify(document)


def test_the_same_gradients_for_two_hidden_problems_read_alike():
    first, second = wrong_under(3.0), wrong_under(4.0)
    assert first.to_dict() | {"seconds": 0} != second.to_dict() | {"seconds": 0}
    verdicts = [[row.verdict for row in report.parameters.values()] for report in (first, second)]
    assert verdicts[0] == verdicts[1]
    alike = [replace(report, diagnosis=()) for report in (first, second)]
    assert outputs(alike[0]) == outputs(alike[1])


def test_every_field_of_a_report_is_passed_on_or_withheld_on_purpose():
    report = to_student_view(verify(example_document("wrong-layer")))
    passed_on = {"verdict", "parameters", "warnings", "name", "precision", "diagnosis", "audience", "graph"}
    withheld = {"loss", "evidence", "versions", "seconds", "convention", "tolerance", "network"}
    assert {field.name for field in fields(Report)} == passed_on | withheld
    assert not report.evidence
    assert not report.versions
    assert report.seconds == 0
    assert report.convention is report.tolerance is None
    assert report.network == ()
    assert np.isnan(report.loss.value)
    assert report.audience is Audience.STUDENT


@pytest.mark.parametrize(
    ("visibility", "fields_of_row"),
    [
        (StudentVisibility(), {"layer", "equation", "hint"}),
        (StudentVisibility(hint=False), {"layer", "equation"}),
        (StudentVisibility(layer=False), {"hint"}),
        (
            StudentVisibility(bug=True),
            {"layer", "equation", "hint", "bug", "title", "explanation", "right", "wrong"},
        ),
    ],
)
def test_an_assignment_allows_more_or_less(visibility, fields_of_row):
    report = to_student_view(verify(example_document("wrong-layer")), visibility)
    (row,) = report.to_dict()["diagnosis"]
    assert set(row) == fields_of_row
    for format_name in EXPORTERS:
        text = EXPORTERS[format_name].export(report, CHOICES)
        assert ("preactivation-as-input" in text) <= visibility.bug
        assert ("layer 1" in text) <= visibility.layer


def test_nothing_allowed_leaves_the_verdict():
    nothing = StudentVisibility(parameters=False, layer=False, bug=False, hint=False)
    report = to_student_view(verify(example_document("wrong-layer")), nothing)
    document = report.to_dict()
    assert (document["verdict"], document["parameters"], document["diagnosis"]) == ("incorrect", [], [])
    for format_name in EXPORTERS:
        assert "layers." not in EXPORTERS[format_name].export(report, CHOICES)


def test_a_students_report_is_read_back_from_its_document():
    for visibility in (StudentVisibility(), StudentVisibility(bug=True), StudentVisibility(layer=False)):
        report = to_student_view(verify(example_document("wrong-layer")), visibility)
        assert read_report(report.to_dict()).to_dict() == report.to_dict()


def test_warnings_are_said_in_words_of_their_own():
    detail = "the gradients of its weights are 0.25"
    report = verify(example_document("wrong-layer"))
    report = replace(
        report, warnings=tuple(ReportWarning(c, detail, 1, (3,)) for c in (*SHOWN_CODES, *HIDDEN_CODES))
    )
    seen = to_student_view(report)
    assert {caution.code for caution in seen.warnings} == set(SHOWN_CODES)
    assert all(caution.units == () and "0.25" not in caution.detail for caution in seen.warnings)
