"""Batches on pages: sent, followed, cancelled."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from api.storage.records import Role
from tests.api.clients import WRONG, Person, assignment_by, person
from tests.api.conftest import Serve
from tests.api.pages.clients import Page, Visitor, as_text, token_of
from verifier.examples.layers import example_document

LINES = "\n".join([as_text(WRONG), as_text(example_document("pytorch")), "{}"]).encode()


def zip_archive(**files: Any) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, document in files.items():
            archive.writestr(f"{name}.json", as_text(document))
    return stream.getvalue()


@pytest.fixture(scope="module")
def grader(serve: Serve) -> Person:
    return person(serve(oracles="backpropagation", worker=True), Role.GRADER, "prof")


@pytest.fixture(scope="module")
def visitor(grader: Person) -> Visitor:
    return Visitor(grader.client, token_of(grader.headers))


def wait_for_batch(visitor: Visitor, path: str) -> str:
    """Follow a batch to its end, and give its page."""
    *_, (name, _) = read_events(visitor, f"{path}/events")
    assert name == "finished"
    html: str = visitor.get(path).text
    assert 'data-over="true"' in html
    return html


def test_lines_become_a_batch_whose_reports_are_linked(visitor: Visitor) -> None:
    made = visitor.send("/batches", file=LINES)
    assert made.status_code == 303
    html = wait_for_batch(visitor, made.headers["location"])
    page = Page(html)
    assert "3 of 3 finished" in " ".join(page.text.split())
    assert "expected the field 'network'" in page.text
    reports = [link for link in page.links if link.startswith("/reports/")]
    assert [visitor.get(link).status_code for link in reports] == [200, 200]
    assert made.headers["location"] in Page(visitor.get("/batches").text).links


def test_a_zip_of_gradients_becomes_its_students_submissions(grader: Person, visitor: Visitor) -> None:
    homework = assignment_by(grader, title="Homework 1")
    content = zip_archive(ada={"gradients": WRONG["gradients"]}, bob={"gradients": WRONG["gradients"]})
    made = visitor.send("/batches", file=content, assignment=homework)
    wait_for_batch(visitor, made.headers["location"])
    assert {"ada", "bob"} <= set(Page(visitor.get(f"/assignments/{homework}").text).text.split())


def test_a_form_sent_twice_makes_one_batch(visitor: Visitor) -> None:
    places = {visitor.send("/batches", file=LINES, key="twice").headers["location"] for _ in range(2)}
    assert len(places) == 1


REFUSED = {
    "nothing": ({}, 422),
    "no zip": ({"file": b"PK\x03\x04 broken"}, 400),
    "empty": ({"file": b"\n\n"}, 422),
    "another's assignment": ({"file": LINES, "assignment": "0" * 32}, 404),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_batch_is_told_above_the_form(visitor: Visitor, case: str) -> None:
    fields, status = REFUSED[case]
    answer = visitor.send("/batches", **fields)
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert 'name="file"' in answer.text


def test_progress_comes_as_events(visitor: Visitor) -> None:
    path = visitor.send("/batches", file=LINES).headers["location"]
    events = list(read_events(visitor, f"{path}/events"))
    assert events[-1][0] == "finished"
    assert events[-1][1]["states"]["pending"] == 0


def read_events(visitor: Visitor, path: str) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in visitor.get(path).text.splitlines():
        field, _, value = line.partition(": ")
        name = value if field == "event" else name
        if field == "data":
            yield name, json.loads(value)


def test_without_scripts_the_page_looks_again_until_the_batch_is_over(serve: Serve) -> None:
    grader = person(serve(oracles="backpropagation"), Role.GRADER, "prof")
    visitor = Visitor(grader.client, token_of(grader.headers))
    path = visitor.send("/batches", file=LINES).headers["location"]
    assert '<noscript><meta http-equiv="refresh"' in visitor.get(path).text
    assert visitor.send(f"{path}/cancel").headers["location"] == path
    html = visitor.get(path).text
    assert "cancelled" in html
    assert "refresh" not in html


def test_reading_on_begins_after_the_last_outcome(grader: Person, visitor: Visitor) -> None:
    path = visitor.send("/batches", file=b"{}\n" * 150).headers["location"]
    html = wait_for_batch(visitor, path)
    assert f"{path}?after=99" in Page(html).links
    rest = Page(visitor.get(f"{path}?after=99").text)
    assert "line 101" in rest.text
    assert "line 150" in rest.text
