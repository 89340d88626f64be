"""The first page: a submission in, its report below, and nothing lost that was typed."""

import re
from base64 import b64decode
from html import unescape

import pytest

from tests.api.conftest import Serve
from tests.api.pages.clients import Page, Visitor, as_text
from verifier.documents.files import write_document
from verifier.examples.layers import EXAMPLES, example_document

WRONG = example_document("wrong-layer")


@pytest.fixture(scope="module")
def visitor(serve: Serve) -> Visitor:
    return Visitor(serve(oracles="backpropagation"))


def text_field(html: str) -> str:
    """Return the content of the page's text field."""
    match = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", html, re.DOTALL)
    assert match
    return unescape(match[1])


def test_the_first_page_needs_nothing_but_itself(visitor: Visitor) -> None:
    html = visitor.get("/").text
    assert not re.search(r"(src|href)=\"(https?:)?//", html)
    assert not re.search(r"<script(?![^>]*src=)|\son[a-z]+=|\sstyle=|<style", html)
    for name in EXAMPLES:
        assert f"/examples/{name}#outcome" in Page(html).links
    assert {"/docs", "/login"} <= set(Page(html).links)


def test_what_a_page_loads_is_in_the_package_and_kept_by_browsers(visitor: Visitor) -> None:
    html = visitor.get("/").text
    assets = re.findall(r"\"(/assets/[^\"]+)\"", html)
    assert assets
    for path in assets:
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert visitor.get("/assets/x/site/../visitors.py").status_code == 404


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_an_address_its_text_and_its_report(visitor: Visitor, name: str) -> None:
    answer = visitor.get(f"/examples/{name}")
    assert answer.status_code == 200
    assert f'"{name}"' in text_field(answer.text)
    assert ("incorrect" in Page(answer.text).text) == (name == "wrong-layer")


def test_an_example_that_there_is_not_names_those_that_there_are(visitor: Visitor) -> None:
    answer = visitor.get("/examples/none")
    assert answer.status_code == 404
    assert all(name in answer.text for name in EXAMPLES)


FORMS = {
    "pasted": {"text": as_text(WRONG)},
    "pasted beside an empty file": {"text": as_text(WRONG), "file": b""},
    "json": {"file": write_document(WRONG, "json")},
    "npz": {"file": write_document(WRONG, "npz")},
    "safetensors": {"file": write_document(WRONG, "safetensors")},
    "a file beside text": {"file": write_document(WRONG, "npz"), "text": "left from before"},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_submission_is_judged_however_it_comes(visitor: Visitor, form: str) -> None:
    fields = {name: value for name, value in FORMS[form].items() if value}
    answer = visitor.send("/", **fields)
    assert answer.status_code == 200
    page = Page(answer.text)
    assert "incorrect" in page.text
    assert "not stored" in page.text


def test_the_report_says_what_the_api_says(visitor: Visitor) -> None:
    page = Page(visitor.send("/", text=as_text(WRONG)).text).text
    report = visitor.client.post("/v1/checks", json=WRONG).json()
    assert report["diagnosis"][0]["hint"] in page
    assert all(row["name"] in page for row in report["parameters"])


MALFORMED = {
    "two mistakes": (
        '{"network": {"layers": []}, "loss": "none"}',
        422,
        ["/network/layers", "/loss", "/inputs"],
    ),
    "no JSON": ("{", 400, ["the document"]),
    "markup": ('{"<script>alert(1)</script>": 1}', 422, ["/network"]),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_every_mistake_is_told_with_its_place_and_what_was_typed_stays(visitor: Visitor, case: str) -> None:
    text, status, places = MALFORMED[case]
    answer = visitor.send("/", text=text)
    assert answer.status_code == status
    page = Page(answer.text)
    assert all(place in page.text for place in places)
    assert text_field(answer.text) == text
    errors = visitor.client.post("/v1/checks", content=text, headers={"content-type": "application/json"})
    assert f"{len(errors.json()['errors'])} mistake" in page.text
    assert "<script>alert" not in answer.text


def test_a_file_of_text_comes_back_as_text_to_mend(visitor: Visitor) -> None:
    assert text_field(visitor.send("/", file=b'{"network": 1}').text) == '{"network": 1}'


def test_a_binary_file_is_kept_in_the_page_and_can_be_sent_again(visitor: Visitor) -> None:
    content = write_document(WRONG, "safetensors")
    html = visitor.send("/", file=content).text
    kept = re.search(r'name="kept" value="([^"]+)"', html)
    assert kept
    assert b64decode(kept[1]) == content
    again = visitor.send("/", text="", kept=kept[1], kept_name="mine.safetensors")
    assert again.status_code == 200
    assert "mine.safetensors" in again.text


@pytest.mark.parametrize("kept", ["", "no base64!"])
def test_a_form_without_a_document_says_so(visitor: Visitor, kept: str) -> None:
    answer = visitor.send("/", text=" ", kept=kept)
    assert answer.status_code == 422
    assert "choose a file, or paste a document" in answer.text


def test_a_report_can_be_saved_as_a_file_that_stands_alone(visitor: Visitor) -> None:
    answer = visitor.send("/", text=as_text(WRONG), download="html")
    assert answer.headers["content-disposition"] == 'attachment; filename="report.html"'
    assert answer.text.startswith("<!doctype html>")
    assert not re.search(r"<(link|script|img)[^>]+(src|href)=\"(?!data:)", answer.text)


def test_the_pages_script_gets_the_outcome_alone(visitor: Visitor) -> None:
    parts = {"text": (None, as_text(WRONG))}
    headers = {"origin": "http://testserver", "x-part": "outcome"}
    answer = visitor.client.post("/", files=parts, headers=headers)
    assert 'id="outcome"' in answer.text
    assert "<textarea" not in answer.text


@pytest.fixture(scope="module")
def small(serve: Serve) -> Visitor:
    return Visitor(serve(oracles="backpropagation", largest_body=2000, checks_per_minute=3))


def test_bounds_and_quotas_are_those_of_the_api(small: Visitor) -> None:
    large = small.send("/", text=" " * 2001)
    assert large.status_code == 413
    assert "at most 2000 bytes" in large.text
    assert small.client.post("/v1/checks", json=WRONG).status_code == 200
    assert small.get("/examples/columns").status_code == 200
    late = small.send("/", text=as_text(WRONG))
    assert late.status_code == 429
    assert "seconds" in Page(late.text).text
    assert int(late.headers["retry-after"]) > 0
    assert small.get("/").status_code == 200


def test_a_submission_that_takes_too_long_is_stopped_and_stays_typed(serve: Serve) -> None:
    slow = Visitor(serve(seconds_each=0.001))
    answer = slow.send("/", text=as_text(WRONG))
    assert answer.status_code == 413
    assert "judging was stopped" in answer.text
    assert text_field(answer.text) == as_text(WRONG)
