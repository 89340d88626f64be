"""Graders make and change assignments by a form, name students, and give them tokens."""

import csv
import json
from datetime import timedelta
from io import BytesIO, StringIO
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from tests.api.clients import WRONG, Person, assignment_by, person, problem_of, service_of
from tests.api.conftest import Serve
from tests.api.pages.clients import Page, Visitor, as_text, token_of
from verifier.documents.files import write_document

PROBLEM = problem_of(WRONG)
SEEN = {f"see_{name}": "yes" for name in ("verdict", "parameters", "layer", "hint")}  # as a new form has it


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation", answer_grid=0, open_checks=False)


@pytest.fixture(scope="module")
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


@pytest.fixture(scope="module")
def prof(client: TestClient, grader: Person) -> Visitor:
    return Visitor(client, token_of(grader.headers))


def made_by(prof: Visitor, grader: Person, **fields: Any) -> dict[str, Any]:
    """Send the form of a new assignment, and return the assignment."""
    answer = prof.send("/assignments", **(SEEN | {"text": as_text(PROBLEM)} | fields))
    assert answer.status_code == 303, Page(answer.text).text
    document: dict[str, Any] = grader.get(f"/v1{answer.headers['location']}").json()
    return document


def test_a_filled_in_form_makes_an_assignment(prof: Visitor, grader: Person) -> None:
    made = made_by(
        prof,
        grader,
        title="Homework 3",
        points="10",
        attempts="2",
        closes="2035-01-31T18:00",
        per_student="yes",
        see_hint="",
    )
    assert made["title"] == "Homework 3"
    assert (made["points"], made["attempts"]) == (10, 2)
    assert made["closes"].startswith("2035-01-31T18:00:00+00:00")
    assert made["instances"] == "per_student"
    assert made["students_see"] == ["verdict", "parameters", "layer"]
    assert made["problem"] == PROBLEM


@pytest.mark.parametrize("form", ["json", "npz", "safetensors"])
def test_a_submission_of_any_format_is_a_problem_without_its_gradients(
    prof: Visitor, grader: Person, form: str
) -> None:
    answer = prof.send("/assignments", **SEEN, file=write_document(WRONG, form))
    assert answer.status_code == 303, Page(answer.text).text
    made = grader.get(f"/v1{answer.headers['location']}").json()
    assert "gradients" not in made["problem"]
    np.testing.assert_array_equal(made["problem"]["inputs"], WRONG["inputs"])


def test_a_whole_assignment_may_be_uploaded_and_the_form_comes_first(prof: Visitor, grader: Person) -> None:
    document = {"problem": PROBLEM, "title": "Of the file", "points": 4, "attempts": 3}
    made = made_by(prof, grader, text=as_text(document), title="Of the form")
    assert (made["title"], made["points"], made["attempts"]) == ("Of the form", 4, 3)


def test_mistakes_come_back_all_at_once_with_what_was_typed(prof: Visitor) -> None:
    answer = prof.send(
        "/assignments",
        **SEEN,
        text=as_text(PROBLEM),
        points="layers.0.wait=2",
        attempts="many",
        closes="soon",
    )
    assert answer.status_code == 422
    page = Page(answer.text)
    for pointer in ("/points/layers.0.wait", "/attempts", "/closes"):
        assert pointer in page.text
    assert ("value", "many") in page.attributes
    assert ("value", "layers.0.wait=2") in page.attributes


def test_a_preview_shows_the_students_page_and_makes_nothing(prof: Visitor, grader: Person) -> None:
    before = grader.get("/v1/assignments").json()
    answer = prof.send("/assignments", **SEEN, text=as_text(PROBLEM), title="Homework 4", preview="yes")
    assert answer.status_code == 200
    text = " ".join(Page(answer.text).text.split())
    assert "Homework 4" in text
    assert "The network has 2 layers: 3 inputs → 4 (" in text
    assert "Students see the verdict on the whole submission" in text
    assert grader.get("/v1/assignments").json() == before


def test_a_preview_warns_of_traps(prof: Visitor) -> None:
    trap = json.loads(as_text(PROBLEM))
    trap["network"]["layers"][-1]["activation"] = "softmax"
    trap["loss"] = {"name": "cross_entropy", "on": "logits"}
    trap["targets"] = [[1.0, 0.0]] * len(trap["inputs"])
    answer = prof.send("/assignments", **SEEN, text=as_text(trap), preview="yes")
    assert answer.status_code == 200
    assert "softmax" in Page(answer.text).text.partition("What students will see")[2]


def test_an_example_fills_in_the_problem(prof: Visitor) -> None:
    page = prof.get("/assignments/new?example=pytorch").text
    assert "layers.0.weight" in page
    assert "gradients&#34;" not in page


def test_a_changed_form_keeps_the_problem_and_the_results(prof: Visitor, grader: Person) -> None:
    homework = assignment_by(grader, title="Before", points=3, attempts=1)
    shown = Page(prof.get(f"/assignments/{homework}/edit").text)
    for value in ("Before", "3", "1"):
        assert ("value", value) in shown.attributes
    answer = prof.send(f"/assignments/{homework}/edit", **SEEN, title="After", points="layers.0.bias=2")
    assert answer.status_code == 303, Page(answer.text).text
    after = grader.get(f"/v1/assignments/{homework}").json()
    assert (after["title"], after["points"], after["attempts"]) == ("After", {"layers.0.bias": 2}, None)
    assert after["problem"] == PROBLEM


def test_an_assignment_is_closed_reopened_copied_and_deleted(prof: Visitor, grader: Person) -> None:
    homework = assignment_by(grader, title="Homework 5")

    def state() -> str:
        return str(grader.get(f"/v1/assignments/{homework}").json()["state"])

    assert "Close now" in prof.get(f"/assignments/{homework}").text
    prof.send(f"/assignments/{homework}/close")
    assert state() == "closed"
    assert "Reopen" in prof.get(f"/assignments/{homework}").text
    prof.send(f"/assignments/{homework}/reopen")
    assert state() == "open"
    copy = prof.send(f"/assignments/{homework}/copy").headers["location"]
    assert ("value", "Homework 5 (copy)") in Page(prof.get(copy).text).attributes
    assert prof.send(f"/assignments/{homework}/delete").headers["location"] == "/assignments"
    assert prof.get(f"/assignments/{homework}").status_code == 404


def test_one_with_submissions_is_deleted_only_with_them(prof: Visitor, grader: Person) -> None:
    homework = assignment_by(grader)
    answer = as_text({"gradients": WRONG["gradients"]})
    assert prof.send(f"/assignments/{homework}/submissions", student="ada", text=answer).status_code == 303
    assert prof.send(f"/assignments/{homework}/delete").status_code == 409
    assert prof.send(f"/assignments/{homework}/delete", with_submissions="yes").status_code == 303


def test_named_students_get_tokens_that_open_the_assignment(
    client: TestClient, prof: Visitor, grader: Person
) -> None:
    homework = assignment_by(grader)
    assert "There are no students yet" in prof.get(f"/assignments/{homework}/students").text
    listed = prof.send(f"/assignments/{homework}/students", text="student,lms_id\nada,4711\n=grace,")
    assert listed.status_code == 303
    page = Page(prof.get(f"/assignments/{homework}/students").text).text
    assert "4711" in page
    assert "2 of 2 students have no valid token" in page
    made = prof.send(f"/assignments/{homework}/tokens")
    assert made.headers["content-disposition"].startswith("attachment")
    rows = list(csv.reader(StringIO(made.text)))
    assert [row[0] for row in rows] == ["name", "'=grace", "ada"]
    student = Visitor(client, rows[2][1])
    assert student.get(f"/assignments/{homework}").status_code == 200
    assert "Every student has a token" in prof.get(f"/assignments/{homework}/students").text
    assert list(csv.reader(StringIO(prof.send(f"/assignments/{homework}/tokens").text))) == [rows[0]]


def test_a_bad_list_comes_back_with_its_mistakes(prof: Visitor, grader: Person) -> None:
    homework = assignment_by(grader)
    answer = prof.send(f"/assignments/{homework}/students", text="ada\nada\n")
    assert answer.status_code == 422
    assert "more than once" in Page(answer.text).text
    broken = prof.send(f"/assignments/{homework}/students", file=b"\xff\xfe\x00")
    assert broken.status_code == 422
    assert "UTF-8" in broken.text


def test_the_task_is_in_words_with_files_to_start_from(
    client: TestClient, grader: Person, prof: Visitor
) -> None:
    homework = assignment_by(grader, points=4, attempts=2)
    student = Visitor(client, token_of(person(client, Role.STUDENT, "ada", homework).headers))
    text = " ".join(Page(student.get(f"/assignments/{homework}").text).text.split())
    assert "The network has 2 layers" in text
    assert "It is worth 4 points." in text
    assert "There is no deadline." in text
    code = student.get(f"/assignments/{homework}/starter.py")
    assert f'open("problem-{homework}.json")' in code.text
    assert student.get(f"/assignments/{homework}/starter.ipynb").json()["nbformat"] == 4
    with np.load(BytesIO(student.get(f"/assignments/{homework}/sample.npz").content)) as sample:
        assert {name: sample[name].shape for name in sample} == {
            name: np.shape(value) for name, value in PROBLEM["parameters"].items()
        }


def test_files_to_start_from_wait_until_the_assignment_opens(client: TestClient, grader: Person) -> None:
    opens = service_of(client).now() + timedelta(days=1)
    homework = assignment_by(grader, opens=opens.isoformat())
    student = Visitor(client, token_of(person(client, Role.STUDENT, "ada", homework).headers))
    for file in ("", "/starter.py", "/starter.ipynb", "/sample.npz", "/problem.json"):
        assert student.get(f"/assignments/{homework}{file}").status_code == 403, file


def test_loading_the_answer_to_a_form_again_leads_to_the_form(prof: Visitor, grader: Person) -> None:
    homework = assignment_by(grader)
    answer = prof.get(f"/assignments/{homework}/submissions")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/assignments/{homework}")
