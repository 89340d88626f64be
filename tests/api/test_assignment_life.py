"""An assignment and its students: edited, closed, reopened, copied and deleted."""

import csv
import json
from datetime import timedelta
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from tests.api.clients import WRONG, Person, assignment_by, person, problem_of, service_of
from tests.api.conftest import Serve
from tests.api.test_submissions import right_gradients

RIGHT = right_gradients(problem_of(WRONG))["gradients"]
TRANSPOSED = {name: np.transpose(value).tolist() for name, value in RIGHT.items()}


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation", answer_grid=0)


@pytest.fixture(scope="module")
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


def call(who: Person, method: str, path: str, document: Any = None, media_type: str = "") -> Any:
    headers = who.headers | ({"content-type": media_type} if media_type else {})
    return who.client.request(method, path, json=document, headers=headers)


def submit(who: Person, hw: str, gradients: object, student: str = "") -> Any:
    query = f"?student={student}" if student else ""
    return who.post(f"/v1/assignments/{hw}/submissions{query}", {"gradients": gradients})


def test_what_get_answers_can_be_put_back_and_sent_anew(grader: Person) -> None:
    rules = {"points": {"layers.0.weight": 3}, "attempts": 4, "opens": "2026-01-01T00:00:00+00:00"}
    hw = assignment_by(grader, names={"V": "layers.0.weight"}, **rules)
    before = grader.get(f"/v1/assignments/{hw}").json()
    put = grader.put(f"/v1/assignments/{hw}", before)
    assert put.status_code == 200, put.text
    changed = {"revision": 2}
    assert grader.get(f"/v1/assignments/{hw}").json() == before | changed
    made = grader.post("/v1/assignments", before)
    assert made.status_code == 201
    assert made.json()["problem"] == before["problem"]
    stale = grader.put(f"/v1/assignments/{hw}", before)
    assert (stale.status_code, "the present one is 2" in stale.json()["detail"]) == (409, True)


def test_a_patch_changes_the_named_fields_alone(grader: Person) -> None:
    hw = assignment_by(grader, title="First", attempts=3, closes="2030-01-01T00:00:00+00:00")
    path = f"/v1/assignments/{hw}"
    before = grader.get(path).json()
    patch = {"title": "Second", "closes": None, "problem": {"tolerance": "lenient"}}
    edited = call(grader, "PATCH", path, patch, "application/merge-patch+json")
    assert edited.status_code == 200, edited.text
    changed = {"title": "Second", "closes": None, "revision": 2}
    problem = before["problem"] | {"tolerance": "lenient"}
    assert edited.json() == before | changed | {"problem": problem}
    assert grader.get(path).json() == edited.json()


BAD_CHANGES = {
    "a misspelt field": ({"attemps": None}, 422, "/attemps", "did you mean 'attempts'?"),
    "a value that it may not have": ({"attempts": 0}, 422, "/attempts", "from 1 to"),
    "a field of the problem": ({"problem": {"losss": "mse"}}, 422, "/problem/losss", "the field 'losss'"),
    "no object": ([], 422, "", "an object of the fields to change"),
}


@pytest.mark.parametrize("case", BAD_CHANGES)
def test_a_change_that_makes_no_sense_is_refused_with_its_place(grader: Person, case: str) -> None:
    patch, status, pointer, words = BAD_CHANGES[case]
    hw = assignment_by(grader)
    answer = call(grader, "PATCH", f"/v1/assignments/{hw}", patch)
    assert answer.status_code == status
    (mistake,) = answer.json()["errors"]
    assert mistake["pointer"] == pointer
    assert words in mistake["detail"]
    assert grader.get(f"/v1/assignments/{hw}").json()["revision"] == 1


def test_results_stay_current_when_neither_problem_nor_points_change(grader: Person) -> None:
    hw = assignment_by(grader)
    path = f"/v1/assignments/{hw}"
    submit(grader, hw, RIGHT, "ada")
    call(grader, "PATCH", path, {"title": "Another", "attempts": 9})
    assert [row["revision"] for row in grader.get(f"{path}/submissions").json()] == [2]
    assert grader.post(f"{path}/regrades").json()["judged"] == 0
    call(grader, "PATCH", path, {"points": 7})
    assert grader.post(f"{path}/regrades").json()["judged"] == 1


def test_a_closed_assignment_takes_nothing_until_it_is_reopened(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader)
    path = f"/v1/assignments/{hw}"
    student = person(client, Role.STUDENT, "ada", hw)
    closed = grader.post(f"{path}/close").json()
    assert (closed["state"], closed["closes"] is None) == ("closed", False)
    assert grader.post(f"{path}/close").json() == closed
    assert submit(student, hw, RIGHT).status_code == 403
    assert [row["state"] for row in student.get("/v1/assignments").json()] == ["closed"]
    opened = grader.post(f"{path}/reopen").json()
    assert (opened["state"], opened["closes"]) == ("open", None)
    assert submit(student, hw, RIGHT).status_code == 201
    later = (service_of(client).now() + timedelta(days=1)).isoformat()
    call(grader, "PATCH", path, {"opens": later})
    answer = grader.post(f"{path}/close")
    assert (answer.status_code, "change opens" in answer.json()["detail"]) == (409, True)


def test_a_copy_has_the_rules_without_period_and_students(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader, title="HW", points=5, closes="2026-01-01T00:00:00+00:00")
    person(client, Role.STUDENT, "ada", hw)
    made = call(grader, "POST", f"/v1/assignments/{hw}/copy", {"points": 6})
    copied = made.json()
    assert (made.status_code, made.headers["location"]) == (201, f"/v1/assignments/{copied['id']}")
    shown = {name: copied[name] for name in ("title", "points", "closes", "revision")}
    assert shown == {"title": "HW (copy)", "points": 6, "closes": None, "revision": 1}
    assert copied["problem"] == grader.get(f"/v1/assignments/{hw}").json()["problem"]
    assert grader.get(f"/v1/assignments/{copied['id']}/roster").json() == []


def test_an_assignment_with_submissions_is_deleted_only_if_confirmed(grader: Person) -> None:
    hw = assignment_by(grader)
    path = f"/v1/assignments/{hw}"
    report = submit(grader, hw, RIGHT, "ada").headers["location"]
    refused = call(grader, "DELETE", path)
    assert (refused.status_code, "with_submissions" in refused.json()["detail"]) == (409, True)
    assert call(grader, "DELETE", f"{path}?with_submissions=true").status_code == 204
    assert [grader.get(gone).status_code for gone in (path, f"{path}/overview", report)] == [404] * 3
    assert submit(grader, hw, RIGHT, "ada").status_code == 404
    empty = assignment_by(grader)
    assert call(grader, "DELETE", f"/v1/assignments/{empty}").status_code == 204


def test_the_roster_has_everybody_with_a_token_a_name_or_a_submission(
    client: TestClient, grader: Person
) -> None:
    hw = assignment_by(grader, points=4)
    path = f"/v1/assignments/{hw}"
    ada, ben, cleo = (person(client, Role.STUDENT, name, hw) for name in ("ada", "ben", "cleo"))
    assert cleo.get(path).status_code == 200
    submit(ada, hw, RIGHT)
    assert submit(ben, hw, TRANSPOSED).status_code == 422
    assert submit(ben, hw, {"layers.9.weight": [1]}).status_code == 422
    submit(grader, hw, RIGHT, "dan")
    entries = [{"student": "ada", "lms_id": "4711"}, {"student": "eve", "lms_id": "=1+1"}]
    rows = {row["student"]: row for row in grader.put(f"{path}/roster", entries).json()}
    assert rows == {row["student"]: row for row in grader.get(f"{path}/roster").json()}
    states = {name: (row["state"], row["token"], row["lms_id"]) for name, row in rows.items()}
    assert states == {
        "ada": ("judged", "valid", "4711"),
        "ben": ("refused", "valid", None),
        "cleo": ("silent", "valid", None),
        "dan": ("judged", None, None),
        "eve": ("silent", None, "=1+1"),
    }
    assert (rows["ben"]["refused"], "layers.9.weight" in rows["ben"]["refusal"]) == (2, True)
    assert [row["earned"] for row in rows.values()] == [4, 0, 0, 4, 0]
    assert {row["worth"] for row in rows.values()} == {4}

    overview = grader.get(f"{path}/overview").json()
    assert (overview["roster"], overview["students"], overview["silent"]) == (5, 2, ["cleo", "eve"])
    assert [row["student"] for row in overview["refused"]] == ["ben"]

    grades = list(csv.DictReader(StringIO(grader.get(f"{path}/grades.csv").text)))
    assert [(row["student"], row["verdict"], row["earned"], row["worth"]) for row in grades] == [
        ("ada", "correct", "4.0", "4.0"),
        ("ben", "refused", "0.0", "4.0"),
        ("cleo", "not submitted", "0.0", "4.0"),
        ("dan", "correct", "4.0", "4.0"),
        ("eve", "not submitted", "0.0", "4.0"),
    ]
    assert [row["lms_id"] for row in grades] == ["4711", "", "", "", "'=1+1"]
    assert "layers.9.weight" in grades[1]["refusal"]


def test_a_roster_with_mistakes_changes_nothing_and_tells_all_of_them(grader: Person) -> None:
    hw = assignment_by(grader)
    path = f"/v1/assignments/{hw}/roster"
    grader.put(path, [{"student": "ada"}])
    entries = [{"student": "bob"}, {"student": "bob"}, {"student": ""}, "cleo", {"student": "d", "lms": "1"}]
    answer = grader.put(path, entries)
    assert answer.status_code == 422
    places = [mistake["pointer"] for mistake in answer.json()["errors"]]
    assert places == ["/1/student", "/2/student", "/3", "/4/lms"]
    assert [row["student"] for row in grader.get(path).json()] == ["ada"]
    assert grader.put(path, {"student": "ada"}).status_code == 422


def test_what_is_stored_of_a_student_is_exported_whole(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader)
    path = f"/v1/assignments/{hw}"
    student = person(client, Role.STUDENT, "ada", hw)
    submit(student, hw, RIGHT)
    submit(student, hw, WRONG["gradients"])
    call(grader, "PATCH", path, {"points": 2})
    grader.post(f"{path}/regrades")
    answer = grader.get(f"{path}/student-data?student=ada")
    with ZipFile(BytesIO(answer.content)) as archive:
        contents = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    described = contents.pop("student.json")
    assert [row["verdict"] for row in described["submissions"]] == ["correct", "incorrect"]
    assert contents["submissions/2.json"]["gradients"] == WRONG["gradients"]
    assert sorted(report["verdict"] for name, report in contents.items() if name.startswith("reports/")) == [
        *["correct"] * 2,  # the one before the regrade, and the one after it
        *["incorrect"] * 2,
    ]


def test_nothing_of_a_deleted_student_is_left(client: TestClient, grader: Person) -> None:
    hw, other = assignment_by(grader), assignment_by(grader)
    path = f"/v1/assignments/{hw}"
    ada = person(client, Role.STUDENT, "ada", hw)
    both = person(client, Role.STUDENT, "ada", hw, other)
    report = submit(ada, hw, RIGHT).headers["location"]
    submit(ada, hw, TRANSPOSED)
    submit(grader, hw, RIGHT, "bob")
    grader.put(f"{path}/roster", [{"student": "ada", "lms_id": "4711"}])
    assert call(grader, "DELETE", f"{path}/student-data?student=ada").status_code == 204
    assert [row["student"] for row in grader.get(f"{path}/roster").json()] == ["bob"]
    assert [row["student"] for row in grader.get(f"{path}/submissions").json()] == ["bob"]
    assert grader.get(report).status_code == 404
    assert ada.get("/v1/assignments").status_code == 401  # the token opened nothing else
    assert [row["id"] for row in both.get("/v1/assignments").json()] == [other]
    assert call(grader, "DELETE", f"{path}/student-data?student=ada").status_code == 404


def test_changes_are_logged_by_the_id_of_the_token(
    grader: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    hw = assignment_by(grader)
    grader.post(f"/v1/assignments/{hw}/close")
    grader.put(f"/v1/assignments/{hw}/roster", [{"student": "ada"}])
    call(grader, "DELETE", f"/v1/assignments/{hw}")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    changes = [line for line in lines if line["event"] == "change"]
    assert [line["action"] for line in changes] == ["create", "close", "replace roster", "delete"]
    token_id = grader.headers["authorization"].split("_")[1]
    assert {(line["assignment"], line["token"]) for line in changes} == {(hw, token_id)}
    assert "ada" not in str(changes)
