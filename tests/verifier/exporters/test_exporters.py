"""Reports as text, JSON and Markdown: what they say, and that a submitter's words cannot say it for them."""

import json
import re
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import pytest

from tests.pairwise import each
from tests.verifier.builders import small_document, with_value
from verifier import verify
from verifier.examples.layers import example_document
from verifier.exporters import EXPORTERS
from verifier.report import wording as sentences
from verifier.report.model import Entry
from verifier.report.report import Report
from verifier.report.verdict import Verdict

DEAD_UNIT = {
    "network": {"layers": [{"in": 1, "out": 2, "activation": "relu"}, {"in": 2, "out": 1}]},
    "loss": "mse",
    "parameters": {
        "layers.0.weight": [[1, 1]],
        "layers.0.bias": [0.1, -50],
        "layers.1.weight": [[1], [1]],
        "layers.1.bias": [0],
    },
    "inputs": [[1], [2]],
    "targets": [[0], [1]],
    "gradients": {"layers.0.bias": [1.6, 0]},
}
DOCUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "right": lambda: small_document(name="hw3-q2"),
    "wrong": lambda: with_value(
        small_document(name="hw3-q2", reported_loss=0.7), ["gradients", "layers.0.weight", 1, 2], 0.5
    ),
    "missing": lambda: small_document(gradients={}),
    "NaN": lambda: with_value(small_document(), ["gradients", "layers.0.bias", 0], "NaN"),
    "undecided": lambda: with_value(small_document(), ["parameters", "layers.1.bias"], [1e308, -1e308]),
    "one": lambda: small_document(inputs=[[1.0, 2.0, 3.0]], targets=[1], gradients={}),
    "dead": lambda: DEAD_UNIT,
}


@cache
def report_of(name: str) -> Report:
    return verify(DOCUMENTS[name]())


HOSTILE = [
    "<script>alert(1)</script>",
    "[click](https://example.org)",
    "![](https://example.org/pixel)",
    "a | b | c",
    "# heading",
    "`code` *bold* _italic_ ~~gone~~",
    "x\n\n## hw3-q2: correct",
    "x\r\n| forged | row |",
    "\\<b>",
]


def unescaped_characters(line: str, characters: str) -> list[str]:
    return re.findall(rf"(?<!\\)(?:\\\\)*([{re.escape(characters)}])", line)


@pytest.mark.parametrize("name", HOSTILE)
def test_markdown_escapes_what_a_submitter_wrote(name):
    text = EXPORTERS["markdown"].export(verify(small_document(name=name)))
    title, *rest = text.split("\n")
    assert title.startswith("## ")
    assert unescaped_characters(title.removeprefix("## "), "<>[]()`*_~|#!") == []
    plain = EXPORTERS["markdown"].export(verify(small_document(name="plain"))).split("\n")
    assert rest == plain[1:]  # nothing but the title has changed


@pytest.mark.parametrize(
    "name", ["x: correct\n  26 numbers: 26 correct", "x\r\nforged", "\x1b[32mgreen\x1b[0m", "a\x00b"]
)
def test_a_name_takes_one_line_of_the_text_and_steers_no_terminal(name):
    text = EXPORTERS["text"].export(verify(small_document(name=name)))
    plain = EXPORTERS["text"].export(verify(small_document(name="plain")))
    assert len(text.splitlines()) == len(plain.splitlines())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)


@each(
    product(
        ["text", "json", "markdown", "html", "csv"], ["right", "wrong", "missing", "NaN", "undecided", "one"]
    )
)
def test_every_format_for_people_says_the_verdicts(format_name, name):
    report = report_of(name)
    text = EXPORTERS[format_name].export(report)
    assert str(report.verdict) in text
    for name, row in report.parameters.items():
        assert name in text
        assert str(row.verdict) in text


@each(EXPORTERS)
def test_no_format_ends_in_a_newline_which_the_door_adds(format_name):
    text = EXPORTERS[format_name].export(report_of("wrong"))
    assert text == text.rstrip("\n")


def test_json_is_the_document_on_one_line():
    for report in map(report_of, ("right", "wrong", "NaN", "undecided")):
        text = EXPORTERS["json"].export(report)
        assert "\n" not in text
        assert json.loads(text) == json.loads(json.dumps(report.to_dict(), allow_nan=False))


def test_text_is_what_a_report_prints():
    assert EXPORTERS["text"].export(report_of("wrong")) == str(report_of("wrong"))


@each(
    [
        "hw3-q2: incorrect",
        "26 numbers: 25 correct, 1 incorrect",
        "(cross entropy, mean over examples, on logits; float64)",
        "loss: incorrect: reported 0.7, it is ",
        "layers.0.weight  (3, 4)  incorrect  1/12",
        "worst of layers.0.weight:",
        "[1, 2]  submitted 0.5, expected ",
        "oracles: backpropagation, finite_differences and autograd agree within ",
    ]
)
def test_text_of_a_wrong_submission(words):
    assert words in str(report_of("wrong"))


@each(
    [
        "## hw3\\-q2: incorrect",
        "25 of 26 numbers are correct.",
        "The reported loss is incorrect.",
        "| `layers.0.weight` | (3, 4) | incorrect | 1 |",
        "| `layers.1.bias` | (2,) | correct | 0 |",
        "Worst of `layers.0.weight`:",
        "- [1, 2]: submitted 0.5, expected ",
        "- loss: incorrect: reported 0.7, it is ",
        "- loss function: cross entropy, mean over examples, on logits; float64",
        "- tolerance: standard: rtol 1e-06, atol 0",
        "- backpropagation agrees (26 entries",
    ]
)
def test_markdown_of_a_wrong_submission(words):
    assert words in EXPORTERS["markdown"].export(report_of("wrong"))


@each(
    [
        ("right", ["hw3-q2: correct", "26 numbers: 26 correct"]),
        (
            "wrong",
            ["hw3-q2: incorrect", "25 correct, 1 incorrect", "worst: layers.0.weight [1, 2] submitted 0.5"],
        ),
        ("missing", ["incorrect", "26 missing", "worst: layers.0.weight missing"]),
        ("NaN", ["incorrect", "worst: layers.0.bias [0] submitted NaN, expected "]),
        ("undecided", ["undecided", "expected what is not known"]),
    ]
)
def test_a_report_represents_itself_in_one_short_line(name, words):
    text = repr(report_of(name))
    assert "\n" not in text
    assert len(text) < 240  # as much as pytest shows
    assert all(word in text for word in words), text


def test_each_oracle_has_a_line_of_its_own_in_markdown():
    lines = EXPORTERS["markdown"].export(report_of("right")).split("\n")
    for item in report_of("right").evidence:
        assert len([line for line in lines if item.oracle in line]) == 1
    assert max(len(line) for line in lines if "agrees" in line) < 80


def test_oracles_that_agree_share_a_line_in_text():
    (line,) = [line for line in str(report_of("right")).splitlines() if "oracles: " in line]
    assert all(item.oracle in line for item in report_of("right").evidence)


def test_the_text_about_one_mistake_fits_a_screen():
    report = verify(example_document("wrong-layer"))
    lines = str(report).splitlines()
    assert len(lines) <= 24
    order = ("wrong-layer: incorrect", "  diagnosis: ", "    right: ", "    used: ")
    order += ("    example: ", "    hint: ", "  parameter ", "  loss: ", "  oracles: ")
    places = [next(i for i, line in enumerate(lines) if line.startswith(part)) for part in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.0, "0"), (0.1, "0.1"), (float("nan"), "NaN"), (float("-inf"), "-Infinity"), (1e300, "1e+300")],
)
def test_a_figure_is_short_and_has_the_contracts_words(value, text):
    assert sentences.format_number(value) == text


def test_what_cannot_be_told_from_zero_is_shown_as_zero():
    shown = Entry((0,), Verdict.INCORRECT, -0.0, 4.7e-15, 5e-15, 1e-6, 4.7e-15, None)
    assert sentences.entry(shown) == "submitted 0, expected 0 (± 5e-15), allowed 1e-06"


def test_a_right_submission_shows_no_entries():
    for format_name in ("text", "markdown"):
        assert "orst of" not in EXPORTERS[format_name].export(report_of("right"))


def test_a_markdown_table_has_the_same_cells_in_every_row():
    for report in map(report_of, ("right", "wrong", "missing", "NaN")):
        rows = [line for line in EXPORTERS["markdown"].export(report).split("\n") if line.startswith("|")]
        assert {row.count("|") for row in rows} == {7}
        assert len(rows) == 2 + len(report.parameters)


def test_missing_gradients_and_warnings_are_shown():
    assert "26 missing" in str(report_of("missing"))
    assert "note (one-example): " in str(report_of("one"))
    assert "> - one-example: " in EXPORTERS["markdown"].export(report_of("one"))
    assert "note (loss-not-finite): " in str(report_of("undecided"))
    assert "> - dead-unit (layer 0, units 1): " in EXPORTERS["markdown"].export(report_of("dead"))
    for format_name in ("text", "markdown"):
        assert "submitted NaN, expected " in EXPORTERS[format_name].export(report_of("NaN"))
        assert "nan" not in EXPORTERS[format_name].export(report_of("NaN"))


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("text", "text/plain"), ("json", "application/json"), ("markdown", "text/markdown")],
)
def test_each_format_has_a_media_type(name, media_type):
    assert EXPORTERS[name].media_type == media_type
    assert all(key == row.name and "/" in row.media_type for key, row in EXPORTERS.items())
