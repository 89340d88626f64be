"""Every platform's own schema accepts what is written for it, whatever a submission holds."""

import csv
import json
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import xmlschema

from tests.verifier.exporters.builders import CASES, HOSTILE, as_student
from verifier.exporters import EXPORTERS, ExportChoices
from verifier.exporters.csv import COLUMNS
from verifier.report.points import Points

SCHEMAS = Path(__file__).with_name("schemas")
JUNIT = xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))
JSON = {
    "sarif": "sarif-2.1.0",
    "ctrf": "ctrf",
    "gitlab-codequality": "gitlab-codequality",
    "gradescope": "gradescope-results",
    "otter": "gradescope-results",
    "prairielearn": "prairielearn-results",
    "classroom50": "classroom50-result-v1",
}
POINTS = {
    "one each": Points(),
    "ten": Points(10.0),
    "named": Points(by_name={"layers.0.weight": 2.0, "layers.9.bias": 1.5}),
    "none": Points(0.0),
}


def schema(name: str) -> Any:
    document = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return jsonschema.validators.validator_for(document)(document)


VALIDATORS = {name: schema(file) for name, file in JSON.items()}


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


def errors(validator: Any, text: str) -> list[str]:
    """Give what a platform's schema has against a text; NaN and Infinity are no JSON."""
    return [error.message for error in validator.iter_errors(json.loads(text, parse_constant=refuse))]


@pytest.fixture(params=["grader", "student"])
def audience(request: pytest.FixtureRequest) -> Any:
    return as_student if request.param == "student" else list


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("format_name", JSON)
def test_json_of_a_platform_fits_its_schema(format_name, case, audience):
    text = EXPORTERS[format_name].render(audience(CASES[case]), ExportChoices())
    assert errors(VALIDATORS[format_name], text) == []


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("format_name", ["gradescope", "otter", "prairielearn", "classroom50"])
def test_points_fit_the_schema_too(format_name, points):
    for case in ("right", "wrong", "missing", "several", "malformed", "10,000 parameters"):
        text = EXPORTERS[format_name].render(CASES[case], ExportChoices(POINTS[points]))
        assert errors(VALIDATORS[format_name], text) == []


@pytest.mark.parametrize("case", CASES)
def test_autolab_reads_its_last_two_lines(case):
    feedback, result = EXPORTERS["autolab"].render(CASES[case], ExportChoices()).split("\n")
    assert errors(schema("autolab-semantic"), feedback) == []
    assert errors(schema("autolab-autoresult"), result) == []


@pytest.mark.parametrize("case", CASES)
def test_junit_for_jenkins_keeps_to_the_strict_schema(case, audience):
    text = EXPORTERS["junit"].render(audience(CASES[case]), ExportChoices())
    assert list(JUNIT.iter_errors(text.partition("\n")[2])) == []


@pytest.mark.parametrize("case", CASES)
def test_junit_for_gitlab_names_the_file_and_is_else_the_same(case):
    text = EXPORTERS["junit"].render(CASES[case], ExportChoices(junit_dialect="gitlab"))
    root = ElementTree.fromstring(text.partition("\n")[2])
    for test in root.iter("testcase"):
        assert test.attrib.pop("file") == test.get("classname")
    assert list(JUNIT.iter_errors(ElementTree.tostring(root, "unicode"))) == []


@pytest.mark.parametrize("case", CASES)
def test_junit_counts_what_it_holds_and_names_no_case_twice(case):
    root = ElementTree.fromstring(EXPORTERS["junit"].render(CASES[case], ExportChoices()).partition("\n")[2])
    for place in (root, *root.iter("testsuite")):
        for counted, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(place.get(counted, "")) == len(list(place.iter(tag)))
    names = [(test.get("classname"), test.get("name")) for test in root.iter("testcase")]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CASES)
def test_csv_has_its_columns_in_every_row_and_no_formula(case, audience):
    text = EXPORTERS["csv"].render(audience(CASES[case]), ExportChoices())
    header, *rows = csv.reader(StringIO(text))
    assert header == list(COLUMNS)
    assert {len(row) for row in rows} == {len(header)}
    assert not any(row[i].startswith(("=", "+", "-", "@", "\uff1d")) for row in rows for i in (0, 1, 3, -1))


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("case", CASES)
def test_the_page_runs_its_own_script_alone_loads_nothing_and_closes_what_it_opens(case, audience):
    text = EXPORTERS["html"].render(audience(CASES[case]), ExportChoices())
    page = Page()
    page.feed(text)
    assert page.open == []
    assert not page.tags & {"img", "link", "iframe", "object", "form"}
    assert not page.attributes & {"src", "onerror", "onclick", "style"}
    assert text.count("<script") == 1
    assert "script-src 'sha256-" in text
    assert "http://" not in text
    assert not any(words in text for words in HOSTILE if "<" in words)
    assert "prefers-color-scheme" in text or "color-scheme: light dark" in text


@pytest.mark.parametrize("format_name", EXPORTERS)
@pytest.mark.parametrize("case", CASES)
def test_every_format_can_be_written_as_utf_8_but_for_the_names_in_json(case, format_name):
    if format_name != "json":  # there names are data, and reading refuses lone surrogates
        text = EXPORTERS[format_name].render(CASES[case], ExportChoices())
        assert text.encode().decode() == text


@pytest.mark.parametrize("format_name", [name for name in EXPORTERS if EXPORTERS[name].between is None])
def test_what_could_not_be_judged_is_not_left_out(format_name):
    for case in ("malformed", "broken"):
        text = EXPORTERS[format_name].render(CASES["right"] + CASES[case], ExportChoices())
        assert "add it" in text or "the disk is on fire" in text
