"""Graders issue tokens to their students over HTTP, list and revoke them."""

import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from tests.api.clients import Person, assignment_by, person
from tests.api.conftest import Serve


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation")


@pytest.fixture(scope="module")
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


def test_a_token_opens_its_assignment_for_its_student(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader)
    answer = grader.post(f"/v1/assignments/{hw}/tokens", {"students": ["ada ", "bob"], "expires": "26w"})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    ada, bob = answer.json()
    assert (ada["subject"], ada["role"], ada["state"], bob["subject"]) == ("ada", "student", "valid", "bob")
    student = Person(client, {"authorization": f"Bearer {ada['token']}"})
    assert [row["id"] for row in student.get("/v1/assignments").json()] == [hw]
    own = student.get("/v1/token").json()
    assert own == {name: value for name, value in ada.items() if name != "token"}
    listed = grader.get(f"/v1/assignments/{hw}/tokens").json()
    assert {row["id"] for row in listed} == {ada["id"], bob["id"]}
    assert ada["token"] not in str(listed)
    path = f"/v1/assignments/{hw}/tokens/{ada['id']}"
    assert client.delete(path, headers=grader.headers).status_code == 204
    assert student.get("/v1/assignments").status_code == 401
    assert {row["state"] for row in grader.get(f"/v1/assignments/{hw}/tokens").json()} == {"revoked", "valid"}


def test_by_default_all_of_the_roster_without_a_valid_token_get_one(grader: Person) -> None:
    hw = assignment_by(grader)
    grader.put(f"/v1/assignments/{hw}/roster", [{"student": "ada"}, {"student": "bob"}])
    names = [
        [row["subject"] for row in grader.post(f"/v1/assignments/{hw}/tokens", {}).json()] for _ in range(2)
    ]
    assert names == [["ada", "bob"], []]


def test_a_token_that_opens_what_others_grade_is_not_revoked(client: TestClient, grader: Person) -> None:
    other = assignment_by(person(client, Role.GRADER, "other"))
    hw = assignment_by(grader)
    both = person(client, Role.STUDENT, "ada", hw, other)
    (row,) = grader.get(f"/v1/assignments/{hw}/tokens").json()
    path = f"/v1/assignments/{hw}/tokens/"
    assert client.delete(path + row["id"], headers=grader.headers).status_code == 409
    assert both.get("/v1/token").status_code == 200
    graders_own = grader.headers["authorization"].split("_")[1]
    for token in (graders_own, "0" * 16, "%00"):
        assert client.delete(path + token, headers=grader.headers).status_code == 404


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ([], [""]),
        ({"students": "ada"}, ["/students"]),
        ({"students": ["ada", "", 1, "ada "], "expires": "soon"},
         ["/students/1", "/students/2", "/students/3", "/expires"]),
        ({"names": ["ada"], "expires": 30}, ["/names", "/expires"]),
    ],
)  # fmt: skip
def test_every_mistake_of_a_request_is_told(document: object, pointers: list[str], grader: Person) -> None:
    hw = assignment_by(grader)
    answer = grader.post(f"/v1/assignments/{hw}/tokens", document)
    assert answer.status_code == 422
    assert [row["pointer"] for row in answer.json()["errors"]] == pointers
    assert grader.get(f"/v1/assignments/{hw}/tokens").json() == []
