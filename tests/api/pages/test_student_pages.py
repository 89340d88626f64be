"""Pages for students: the problem, the attempts, the report as the assignment shows it, and no answer."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from tests.api.clients import WRONG, Person, assignment_by, person
from tests.api.conftest import Serve
from tests.api.pages.clients import Page, Visitor, as_text, token_of
from tests.api.test_leaks import OTHER, PROBLEM, RIGHT, comparable_parts, mistakes_seen, wrong_gradients

ALL = ["verdict", "parameters", "layer", "bug", "hint"]
GRADIENTS = {"gradients": WRONG["gradients"]}


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation,complex_step", answer_grid=0, open_checks=False)


@pytest.fixture(scope="module")
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


def student_of(client: TestClient, *homework: str, name: str = "ada") -> Visitor:
    return Visitor(client, token_of(person(client, Role.STUDENT, name, *homework).headers))


def pages_of(student: Visitor, homework: str, gradients: Any) -> Iterator[Any]:
    """Hand in, and look at every page that there is then."""
    made = student.send(f"/assignments/{homework}/submissions", text=as_text({"gradients": gradients}))
    yield made
    page = student.get(made.headers["location"])
    yield page
    for link in Page(page.text).links:
        if link.startswith("/reports/"):
            yield student.get(link)
            yield student.get(link.removesuffix("/file"))
    yield student.get(f"/assignments/{homework}")
    yield student.get("/assignments")


@pytest.mark.parametrize(
    ("seen", "how"), mistakes_seen(["verdict"], ["verdict", "parameters", "layer", "hint"], [], ALL)
)
def test_the_same_mistake_on_two_problems_looks_alike_on_every_page(
    client: TestClient, grader: Person, seen: list[str], how: str
) -> None:
    answers_by_case = []
    for key, problem in (("one", PROBLEM), ("two", OTHER)):
        homework = assignment_by(grader, problem=problem, students_see=seen, title="homework")
        answers = pages_of(student_of(client, homework), homework, wrong_gradients(RIGHT[key], how))
        answers_by_case.append([comparable_parts(answer) for answer in answers])
    assert [strip_dates(each) for each in answers_by_case[0]] == [
        strip_dates(each) for each in answers_by_case[1]
    ]


def strip_dates(answer: Any) -> Any:
    status, headers, text = answer
    return status, headers, re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "MOMENT", text)


def test_no_page_holds_a_digit_of_what_is_expected(client: TestClient, grader: Person) -> None:
    homework = assignment_by(grader, students_see=ALL)
    student = student_of(client, homework)
    answers = list(pages_of(student, homework, wrong_gradients(RIGHT["one"], "constant")))
    reports = grader.get(f"/v1/assignments/{homework}/submissions").json()
    full = grader.get(f"/v1/reports/{reports[0]['report']}").json()
    secret = set(re.findall(r"\d\.\d{4}", json.dumps(full))) - {"0.3700"}
    assert len(secret) > 20
    for answer in answers:
        assert not [digits for digits in secret if digits in answer.text], answer.url


def test_the_page_answers_at_the_grid_as_the_api_does(serve: Serve) -> None:
    client = serve(oracles="backpropagation", answer_grid=0.5)
    homework = assignment_by(person(client, Role.GRADER, "prof"))
    student = student_of(client, homework)
    begun = monotonic()
    made = student.send(f"/assignments/{homework}/submissions", text=as_text(GRADIENTS))
    assert made.status_code == 303
    assert monotonic() - begun >= 0.5, "judging takes a tenth of that"


def test_a_student_sees_the_problem_the_shapes_and_what_is_left(client: TestClient, grader: Person) -> None:
    homework = assignment_by(grader, attempts=2, title="Homework 1")
    student = student_of(client, homework)
    page = Page(student.get(f"/assignments/{homework}").text)
    assert "2 of 2 attempts left" in page.text
    assert "3 × 4" in page.text
    problem = student.get(f"/assignments/{homework}/problem.json")
    assert problem.json() == grader.get(f"/v1/assignments/{homework}").json()["problem"]
    for left in (1, 0):
        made = student.send(f"/assignments/{homework}/submissions", file=as_text(GRADIENTS).encode())
        assert made.status_code == 303
        assert f"{left} of 2 attempts left" in student.get(f"/assignments/{homework}").text
    last = student.send(f"/assignments/{homework}/submissions", text=as_text(GRADIENTS))
    assert last.status_code == 409
    assert "all 2 attempts are used" in last.text.lower()


def test_a_malformed_answer_uses_no_attempt_and_stays_typed(client: TestClient, grader: Person) -> None:
    homework = assignment_by(grader, attempts=1)
    student = student_of(client, homework)
    answer = student.send(
        f"/assignments/{homework}/submissions", text='{"gradients": {"layers.9.bias": [1]}}'
    )
    assert answer.status_code == 422
    assert "layers.9.bias" in Page(answer.text).text
    assert "no attempt is used up" in answer.text
    assert "1 of 1 attempts left" in answer.text


def test_an_assignment_that_shows_nothing_shows_nothing(client: TestClient, grader: Person) -> None:
    homework = assignment_by(grader, students_see=[])
    student = student_of(client, homework)
    made = student.send(f"/assignments/{homework}/submissions", text=as_text(GRADIENTS))
    page = Page(student.get(made.headers["location"]).text)
    assert "shows no report to students" in page.text
    assert "correct" not in page.text
    submission = grader.get(f"/v1/assignments/{homework}/submissions").json()[0]
    assert submission["report"] not in str(page.links)
    assert student.get(f"/reports/{submission['report']}").status_code == 403


def test_before_it_opens_nothing_of_an_assignment_is_shown(client: TestClient, grader: Person) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    homework = assignment_by(grader, opens=tomorrow)
    student = student_of(client, homework)
    for path in (f"/assignments/{homework}", f"/assignments/{homework}/problem.json"):
        answer = student.get(path)
        assert answer.status_code == 403
        assert "opens at" in answer.text
        assert "layers.0" not in answer.text


def test_after_it_closes_attempts_are_shown_and_none_is_taken(client: TestClient, grader: Person) -> None:
    homework = assignment_by(grader, closes=datetime.now(UTC).isoformat())
    student = student_of(client, homework)
    assert "This assignment is closed" in student.get(f"/assignments/{homework}").text
    late = student.send(f"/assignments/{homework}/submissions", text=as_text(GRADIENTS))
    assert late.status_code == 403


def test_what_a_student_may_see_is_decided_when_it_is_shown(client: TestClient, grader: Person) -> None:
    homework = assignment_by(grader, students_see=[])
    student = student_of(client, homework)
    address = student.send(f"/assignments/{homework}/submissions", text=as_text(GRADIENTS)).headers[
        "location"
    ]
    assert "shows no report to students" in student.get(address).text
    assert grader.put(f"/v1/assignments/{homework}", {"problem": PROBLEM}).status_code == 200
    report = next(link for link in Page(student.get(address).text).links if link.startswith("/reports/"))
    assert student.get(report).status_code == 200
    hidden = {"problem": PROBLEM, "students_see": []}
    assert grader.put(f"/v1/assignments/{homework}", hidden).status_code == 200
    assert "shows no report to students" in student.get(address).text
    assert student.get(report).status_code == 403
