"""The page of an inspection."""

import pytest

from tests.verifier.builders import small_document
from verifier import inspect
from verifier.examples.layers import example_document
from verifier.exporters.page.page import render_inspection
from verifier.report.outcome import InspectionOutcome

HIDING = small_document(name="<b>hiding</b>", inputs=[[0.5, 0.0, 0.25]], targets=[[1.0, 0.0]], gradients={})


@pytest.fixture(scope="module")
def uninformative_inspection():
    return inspect(HIDING)


def test_a_page_says_the_score_what_to_change_and_where_each_bug_passes(uninformative_inspection):
    text = render_inspection([InspectionOutcome("weak.json", uninformative_inspection)])
    assert f"{uninformative_inspection.mutation_score:.1%} mutation score" in text
    assert all(advice.replace("'", "&#39;") in text for advice in uninformative_inspection.advice)
    for row in uninformative_inspection.bugs:
        if row.made:
            assert f"<code>{row.bug}</code>" in text
            assert f"caught {row.caught} of {row.made}" in text
    missed = [row for row in uninformative_inspection.bugs if row.missed]
    assert missed
    assert all(f"({row.missed_at[0].equation})" in text for row in missed)


def test_what_is_missed_stands_first(uninformative_inspection):
    text = render_inspection([InspectionOutcome("weak.json", uninformative_inspection)])
    places = {
        row.bug: text.index(f"<code>{row.bug}</code>") for row in uninformative_inspection.bugs if row.made
    }
    missed = [places[row.bug] for row in uninformative_inspection.bugs if row.missed]
    assert max(missed) < min(
        places[row.bug] for row in uninformative_inspection.bugs if row.made and not row.missed
    )


def test_names_are_no_markup_and_what_could_not_be_read_is_told(uninformative_inspection):
    text = render_inspection(
        [
            InspectionOutcome("weak.json", uninformative_inspection),
            InspectionOutcome("<i>", None, ("/network: expected <b>",)),
        ]
    )
    assert "<b>" not in text
    assert "<i>" not in text
    assert "/network: expected &lt;b&gt;" in text


def test_a_problem_that_hides_nothing_says_so():
    inspection = inspect(example_document("relu-cross-entropy"))
    assert "mutation score" in render_inspection([InspectionOutcome("strong.json", inspection)])
