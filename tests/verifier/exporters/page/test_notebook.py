"""A report in a notebook: no scripts, and styles that reach nothing else."""

import re

from tests.verifier.builders import small_document, with_value
from verifier import verify
from verifier.exporters.page import ASSETS
from verifier.exporters.student_view import to_student_view

WRONG = verify(
    with_value(small_document(name="hw3-q2"), ["gradients", "layers.0.weight", 1, 2], 0.5), entries="all"
)


def test_a_notebook_runs_nothing_and_says_what_draws_figures():
    text = WRONG._repr_html_()
    assert "<script" not in text
    assert "hw3-q2" in text
    assert "<code>report.plot()</code>" in text
    worst_alone = verify(small_document())._repr_html_()
    assert "<code>verify(…, entries=&#34;all&#34;).plot()</code>" in worst_alone


def test_a_students_report_shows_itself_too():
    text = to_student_view(WRONG)._repr_html_()
    assert "The gradient is wrong" in text
    assert "report.plot()" not in text


def test_two_reports_in_one_notebook_do_not_share_anchors():
    texts = [verify(small_document())._repr_html_() for _ in range(2)]
    kept = [set(re.findall(r' id="([^"]+)"', text)) for text in (WRONG._repr_html_(), texts[0])]
    assert not kept[0] & kept[1]


def test_every_rule_of_the_style_sheet_begins_with_a_class_of_ours():
    text = re.sub(r"/\*.*?\*/", "", (ASSETS / "report.css").read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"@media[^{]*\{((?:[^{}]*\{[^{}]*\})*)\s*\}", r"\1", text)
    selectors = [selector.strip() for selector in re.findall(r"([^{}]+)\{[^{}]*\}", text)]
    assert len(selectors) > 50
    for selector in selectors:
        outside = re.sub(r":is\([^)]*\)", "", selector)
        assert all(part.strip().startswith(".gradjury-") for part in outside.split(",")), selector
