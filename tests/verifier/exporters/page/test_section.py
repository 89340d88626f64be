"""A report's section: what stands in it, in which order, and what never does."""

import json
import re
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.pairwise import check_rows, each
from tests.verifier.builders import small_document, with_value
from tests.verifier.exporters.builders import CASES, HOSTILE, MANY, as_student, parameter, report
from verifier import verify
from verifier.documents.json import parse, to_json
from verifier.exporters.page import fragment
from verifier.exporters.student_view import to_student_view
from verifier.report.model import Entries
from verifier.report.outcome import FileOutcome
from verifier.report.reading import read_report
from verifier.report.verdict import Verdict


def wrong_document():
    document = small_document(name="hw3-q2")
    gradient = np.asarray(document["gradients"]["layers.0.weight"])
    return with_value(document, ["gradients", "layers.0.weight"], (3 * gradient).tolist())


@cache
def wrong_report():
    return verify(wrong_document(), oracles=("backpropagation", "finite_differences"), entries="all")


VOID = {"meta", "br", "hr", "img"}


class HtmlStructure(HTMLParser):
    """Tags opened and closed, ids, headings in order, and data for figures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.named: list[str] = []
        self.headings: list[str] = []
        self.data: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.named += (attributes.get("aria-labelledby") or "").split()
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h2", "h3"):
            self.headings.append(data)
        if self.open and self.open[-1] == "script":
            self.data.append(data)


def test_what_matters_comes_first():
    text = fragment(FileOutcome("wrong.json", wrong_report()))
    headings = [
        "Diagnosis",
        "The network",
        "Parameters",
        "The oracles",
        "Worth knowing",
        "Reproduce this report",
    ]
    assert [heading for heading in headings if heading in HtmlStructure(text).headings] == HtmlStructure(
        text
    ).headings[-len(headings) :]
    order = (
        "The gradient is wrong",
        "Diagnosis",
        "The network",
        "Parameters",
        'data-figure="heatmap"',
        'data-figure="histogram"',
        'data-figure="scatter"',
        "The worst numbers",
        "The oracles",
        "loss function: ",
        "versions:",
        "gradjury check wrong.json",
    )
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def check_structure(case, view):
    for outcome in view(CASES[case]):
        structure = HtmlStructure(fragment(outcome, "s7"))
        assert structure.open == []
        assert len(set(structure.ids)) == len(structure.ids)
        assert set(structure.named) <= set(structure.ids)
        assert all(name.startswith("s7") for name in structure.ids)


@pytest.mark.parametrize("view", [list, as_student], ids=["grader", "student"])
def test_every_report_gives_sound_markup_whose_labels_lead_somewhere(view):
    check_rows(check_structure, [(case, view) for case in CASES if case != MANY])


@pytest.mark.nightly
@pytest.mark.parametrize("view", [list, as_student], ids=["grader", "student"])
def test_10_000_parameters_give_sound_markup(view):
    check_structure(MANY, view)


@each([*HOSTILE, "</script><b>", "<!--", "]]>", "\u202egnp.exe"])
def test_no_word_of_a_submitter_is_markup_wherever_it_stands(words):
    arrays = Entries(*(np.full((2, 3), value) for value in (0.25, 0.5, 0.25, 1e-9)))
    rows = [parameter(words, Verdict.INCORRECT, entries=arrays), parameter("layers.0.bias", Verdict.CORRECT)]
    text = fragment(FileOutcome(words, report(rows, name=words)))
    assert "<b>" not in text
    assert "<failure" not in text
    assert text.count("<script") == text.count("</script") == text.count('type="application/json"')
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e\ud800-\udfff]", text)
    assert len(text) < 40_000


def test_figures_stand_as_json_whose_values_are_the_arrays():
    figures = [
        json.loads(data) for data in HtmlStructure(fragment(FileOutcome("wrong.json", wrong_report()))).data
    ]
    by_size = sorted(len(figure["heatmap"]["index"]) for figure in figures)
    assert by_size == sorted(int(np.prod(row.shape)) for row in wrong_report().parameters.values())
    first = figures[0]  # the worst parameter comes first
    right = wrong_report().parameters["layers.0.weight"].entries.expected
    assert first["heatmap"]["expected"] == pytest.approx(right.ravel().tolist(), rel=1e-9)
    assert first["scatter"]["slope"] == pytest.approx(3.0)
    assert "a line of slope 3" in fragment(FileOutcome("wrong.json", wrong_report()))


def test_every_figure_has_its_text():
    text = fragment(FileOutcome("wrong.json", wrong_report()))
    assert (
        text.count("data-figure=")
        == text.count('role="img" aria-label=')
        == 3 * len(wrong_report().parameters)
    )
    assert len(
        re.findall(r"</div>(?:<p class=\"scale\">.*?</p>)?<figcaption>[^<]{40,}</figcaption>", text)
    ) == (3 * len(wrong_report().parameters))


def test_what_was_stored_without_arrays_says_which_command_draws_them():
    stored = read_report(parse(to_json(verify(wrong_document()).to_dict())))
    text = fragment(FileOutcome("wrong.json", stored))
    assert "data-figure" not in text
    assert "gradjury check wrong.json --preset standard --format html --output report.html" in text
    assert "→" in text  # the network's shape was stored


def test_whole_arrays_come_back_from_json_as_they_were():
    back = read_report(parse(to_json(wrong_report().to_dict())))
    assert fragment(FileOutcome("wrong.json", back)) == fragment(FileOutcome("wrong.json", wrong_report()))


def numbers_of(report_) -> set[str]:
    """Every number that tells the gradient, as a page could print it."""
    values = [abs(value) for row in report_.parameters.values() for value in row.entries.expected.ravel()]
    values += [abs(value) for row in report_.parameters.values() for value in row.entries.difference.ravel()]
    return {format(value, digits)[:6] for value in values if value for digits in (".10g", ".3e")}


def test_a_students_section_holds_no_figure_and_no_telling_number():
    student = to_student_view(wrong_report())
    text = fragment(FileOutcome("wrong.json", student))
    assert "data-figure" not in text
    assert "<script" not in text
    assert "The worst numbers" not in text
    assert "gradjury check" not in text
    assert not {number for number in numbers_of(wrong_report()) if number in text}
    assert str(wrong_report().parameters["layers.0.weight"].incorrect) + " of" not in text
    assert "incorrect" in text  # the verdict is theirs


def test_a_students_section_is_the_same_whatever_is_right():
    other = verify(wrong_document() | {"reported_loss": 0.5}, oracles=("backpropagation",))
    first, second = (to_student_view(report) for report in (wrong_report(), other))
    assert fragment(FileOutcome("a.json", first)) == fragment(FileOutcome("a.json", second))


def test_a_submission_that_could_not_be_judged_says_why():
    (malformed,) = CASES["malformed"]
    text = fragment(malformed)
    assert "malformed" in text
    assert "add it" in text
