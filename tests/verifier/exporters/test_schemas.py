"""Every platform's own schema accepts what is written for it, whatever a submission holds."""

import csv
import json
from functools import cache
from html.parser import HTMLParser
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from tests.pairwise import check_rows
from tests.verifier.exporters.builders import CASES, HOSTILE, MANY, as_student, report_of_parameters
from verifier.exporters import EXPORTERS, ExportOptions, sarif
from verifier.exporters.csv import COLUMNS
from verifier.report.points import Points

SCHEMAS = Path(__file__).with_name("schemas")
JSON = {
    "sarif": "sarif-2.1.0",
    "ctrf": "ctrf",
    "gitlab-codequality": "gitlab-codequality",
    "gradescope": "gradescope-results",
    "otter": "gradescope-results",
    "prairielearn": "prairielearn-results",
    "classroom50": "classroom50-result-v1",
}
GRADED = ["gradescope", "otter", "prairielearn", "classroom50"]
AUDIENCES = ["grader", "student"]
SHORT = [case for case in CASES if case != MANY]
POINTS = {
    "one each": Points(),
    "ten": Points(10.0),
    "named": Points(by_name={"layers.0.weight": 2.0, "layers.9.bias": 1.5}),
    "none": Points(0.0),
}


@cache
def validator(name: str) -> Any:
    document = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return jsonschema.validators.validator_for(document)(document)


@cache
def junit_schema() -> Any:
    import xmlschema  # takes half a second to load

    return xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))


@cache
def render(format_name: str, case: str, audience: str = "grader") -> str:
    reports = as_student(CASES[case]) if audience == "student" else CASES[case]
    return EXPORTERS[format_name].render(reports, ExportOptions())


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


def assert_fits(name: str, text: str) -> None:
    """Hold a text against a platform's schema; NaN and Infinity are no JSON."""
    document = json.loads(text, parse_constant=refuse)
    assert [error.message for error in validator(name).iter_errors(document)] == []


def check_schema(format_name: str, case: str, audience: str) -> None:
    assert_fits(JSON[format_name], render(format_name, case, audience))


@pytest.mark.parametrize("format_name", JSON)
def test_json_of_a_platform_fits_its_schema(format_name):
    check_rows(check_schema, list(product([format_name], SHORT, AUDIENCES)))


@pytest.mark.parametrize("format_name", ["prairielearn", "classroom50"])
def test_json_that_is_cut_to_a_platforms_size_fits_its_schema_too(format_name):
    check_schema(format_name, MANY, "grader")


def test_code_scanning_that_is_cut_fits_its_schema_too(monkeypatch):
    monkeypatch.setattr(sarif, "_MOST", 20)  # of 5000 the validator would take seconds
    text = EXPORTERS["sarif"].render(report_of_parameters(40), ExportOptions())
    assert "the worst 20 are listed" in text
    assert_fits(JSON["sarif"], text)


@pytest.mark.nightly
@pytest.mark.parametrize("format_name", JSON)
def test_json_of_10_000_parameters_fits_its_schema(format_name):
    check_rows(check_schema, list(product([format_name], [MANY], AUDIENCES)))


def fits_with_points(format_name: str, points: str, case: str) -> None:
    text = EXPORTERS[format_name].render(CASES[case], ExportOptions(POINTS[points]))
    assert_fits(JSON[format_name], text)


def test_points_fit_the_schema_too():
    cases = ("right", "wrong", "missing", "several", "malformed")
    check_rows(fits_with_points, list(product(GRADED, POINTS, cases)))


@pytest.mark.nightly
def test_points_of_10_000_parameters_fit_the_schema_too():
    check_rows(fits_with_points, list(product(GRADED, POINTS, [MANY])))


def autolab_fits(case: str) -> None:
    feedback, result = render("autolab", case).split("\n")
    assert_fits("autolab-semantic", feedback)
    assert_fits("autolab-autoresult", result)


def junit_fits(case: str, audience: str) -> None:
    text = render("junit", case, audience).partition("\n")[2]
    assert list(junit_schema().iter_errors(text)) == []


def junit_for_gitlab_names_the_file(case: str) -> None:
    text = EXPORTERS["junit"].render(CASES[case], ExportOptions(junit_dialect="gitlab"))
    root = ElementTree.fromstring(text.partition("\n")[2])
    for test in root.iter("testcase"):
        assert test.attrib.pop("file") == test.get("classname")
    assert list(junit_schema().iter_errors(ElementTree.tostring(root, "unicode"))) == []


def junit_counts_what_it_holds(case: str) -> None:
    root = ElementTree.fromstring(render("junit", case).partition("\n")[2])
    for place in (root, *root.iter("testsuite")):
        for counted, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(place.get(counted, "")) == len(list(place.iter(tag)))
    names = [(test.get("classname"), test.get("name")) for test in root.iter("testcase")]
    assert len(set(names)) == len(names)


def csv_has_its_columns_and_no_formula(case: str, audience: str) -> None:
    header, *rows = csv.reader(StringIO(render("csv", case, audience)))
    assert header == list(COLUMNS)
    assert {len(row) for row in rows} == {len(header)}
    assert not any(row[i].startswith(("=", "+", "-", "@", "\uff1d")) for row in rows for i in (0, 1, 3, -1))


def test_autolab_reads_its_last_two_lines():
    check_rows(autolab_fits, list(product(SHORT)))


def test_junit_for_jenkins_keeps_to_the_strict_schema():
    check_rows(junit_fits, list(product(SHORT, AUDIENCES)))


def test_junit_for_gitlab_names_the_file_and_is_else_the_same():
    check_rows(junit_for_gitlab_names_the_file, list(product(SHORT)))


def test_junit_counts_what_it_holds_and_names_no_case_twice():
    check_rows(junit_counts_what_it_holds, list(product(SHORT)))


def test_csv_has_its_columns_in_every_row_and_no_formula():
    check_rows(csv_has_its_columns_and_no_formula, list(product(SHORT, AUDIENCES)))


@pytest.mark.nightly
def test_10_000_parameters_are_written_as_few_are():
    autolab_fits(MANY)
    junit_for_gitlab_names_the_file(MANY)
    junit_counts_what_it_holds(MANY)
    for audience in AUDIENCES:
        junit_fits(MANY, audience)
        csv_has_its_columns_and_no_formula(MANY, audience)
        page_loads_nothing(MANY, audience)


class HtmlChecker(HTMLParser):
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


def page_loads_nothing(case: str, audience: str) -> None:
    text = render("html", case, audience)
    page = HtmlChecker()
    page.feed(text)
    assert page.open == []
    assert not page.tags & {"img", "link", "iframe", "object", "form"}
    assert not page.attributes & {"src", "onerror", "onclick", "style"}
    assert text.count("<script") == 1
    assert "script-src 'sha256-" in text
    assert "http://" not in text
    assert not any(words in text for words in HOSTILE if "<" in words)
    assert "prefers-color-scheme" in text or "color-scheme: light dark" in text


def test_the_page_runs_its_own_script_alone_and_loads_nothing():
    check_rows(page_loads_nothing, list(product(SHORT, AUDIENCES)))


def check_encoding(format_name: str, case: str) -> None:
    text = render(format_name, case)
    assert text.encode().decode() == text


WRITTEN = [name for name in EXPORTERS if name != "json"]  # there names are data, lone surrogates refused


def test_every_format_can_be_written_as_utf_8_but_for_the_names_in_json():
    check_rows(check_encoding, list(product(WRITTEN, SHORT)))


@pytest.mark.nightly
def test_every_format_can_be_written_of_10_000_parameters():
    check_rows(check_encoding, list(product(WRITTEN, [MANY])))


@pytest.mark.parametrize("format_name", [name for name in EXPORTERS if EXPORTERS[name].between is None])
def test_what_could_not_be_judged_is_not_left_out(format_name):
    for case in ("malformed", "broken"):
        text = EXPORTERS[format_name].render(CASES["right"] + CASES[case], ExportOptions())
        assert "add it" in text or "the disk is on fire" in text
