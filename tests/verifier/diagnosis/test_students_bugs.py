"""Every bug, made by a simulated student, is named in its place and told in whole sentences."""

import json
import re
from math import prod

import numpy as np
import pytest

from benchmarks.support.buggy_students import STUDENTS
from benchmarks.support.diagnosing.outcome import FALSE, RIGHT
from tests.pairwise import check_rows
from tests.verifier.diagnosis.builders import ROUNDING, backward, tanh_problem, verify_gradients
from tests.verifier.diagnosis.outcomes import daily_cases, judge_cases, nightly_cases
from verifier.diagnosis.catalogue import BUGS
from verifier.exporters import EXPORTERS
from verifier.report.wording import heading

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
SAME_AS_ANOTHER = {"assigned-not-accumulated"}  # such a student weighs examples, which is the name given
READ_AS_TEXT = ("text", "markdown")


LEAST_NOISY = 6  # numbers, with fewer of which differences cannot be told from other noise


def check_name_and_place(case):
    assert case.outcome.kind not in (*FALSE, "raised")
    shapes = [row["shape"] for row in case.report.to_dict()["parameters"]]
    if case.outcome.bug == "numerical-gradient" and sum(map(prod, shapes)) < LEAST_NOISY:
        assert case.outcome.kind in (*RIGHT, "unexplained")
        return
    assert case.outcome.kind in RIGHT
    assert case.outcome.located


def check_residual(case):
    if case.report.precision == "float64":  # float32 loses digits by the condition of the problem
        assert not case.outcome.residual > ROUNDING["float64"]  # NaN: there is none


def check_budget(case):
    assert not any(budget.is_used_up for budget in case.budgets)


def check_explanation(row):
    for text in (row.explanation, row.hint, row.title):
        assert not any(sign in text for sign in ("{", "}", "  ", "None"))
        assert text.startswith("δ") or text[0] == text[0].upper()
    assert row.explanation.endswith(".")
    assert row.hint.endswith(("?", "."))
    if row.layer is not None:
        assert re.search(rf"layers? {row.layer}\b|in unit \d+ alone", row.explanation)
        assert re.search(rf"layers? {row.layer}\b", row.hint)
    assert row.title == BUGS[row.bug].words.title
    assert row.formula == f"right: {row.right}; used: {row.wrong}"


def check_hint(row):
    place = r"\d+ \([^)]*\)"
    rest = re.sub(rf"layers ({place}(, | and )?)+|layer {place}|layer \d+", "", row.hint)
    assert not re.search(r"\d", rest)
    assert not any(sign in rest for sign in ("=", "∘", "Σ", "ᵀ", "·", "∂"))


def check_fields_of_the_document(report, row):
    document = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    written = next(
        finding
        for finding in document["diagnosis"]
        if (finding["bug"], finding["layer"]) == (row.bug, row.layer)
    )
    assert written.keys() >= FIELDS
    assert written["equation"] == row.equation
    assert set(written["parameters"]) <= {parameter["name"] for parameter in document["parameters"]}
    assert set(written) - FIELDS <= {
        "title",
        "layers",
        "right_formula",
        "used_formula",
        *row.estimates,
    }


def check_text_formats(report, row):
    for name in READ_AS_TEXT:
        plain = EXPORTERS[name].export(report).replace("\\", "").replace("`", "")
        assert heading(row) in plain, name
        assert row.hint.replace("`", "") in plain, name


def check_words(report, row):
    check_explanation(row)
    check_hint(row)
    check_fields_of_the_document(report, row)
    check_text_formats(report, row)


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(daily_cases, id="by day"),
        pytest.param(nightly_cases, id="at night", marks=pytest.mark.nightly),
    ],
)
@pytest.mark.parametrize("bug", STUDENTS)
def test_a_bug_is_named_in_its_place_and_in_whole_sentences(bug, chosen):
    cases = judge_cases(bug, chosen(bug))
    named = []

    def check(case):
        check_name_and_place(case)
        check_residual(case)
        check_budget(case)
        for row in case.report.diagnosis:
            if row.bug == bug:
                named.append(case)
                check_words(case.report, row)

    check_rows(check, cases)
    assert named or bug in SAME_AS_ANOTHER


def test_an_unexplained_mistake_is_told_in_whole_sentences():
    problem = tanh_problem(81)
    cosines = {name: np.cos(7.0 * array) for name, array in backward(problem)[0].items()}
    report = verify_gradients(problem, cosines)
    unexplained = [row for row in report.diagnosis if row.bug == "unexplained"]
    assert unexplained
    for row in unexplained:
        check_words(report, row)
