"""The uEd API 0.1.0, by its published schema of an answer."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from tests.api.clients import RIGHT, WRONG, Person, assignment_by, person
from tests.api.conftest import Serve

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "mued-feedback-list.schema.json").read_text())


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation")


@pytest.fixture(scope="module")
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


def request_for(content: Any, **rest: Any) -> dict[str, Any]:
    return {"submission": {"type": "MODEL", "content": content}} | rest


def feedback_rows(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-api-version"] == "0.1.0"
    jsonschema.validate(answer.json(), SCHEMA)
    return {row["feedbackId"]: row for row in answer.json()}


def test_a_right_submission_is_said_to_be_right(client: TestClient) -> None:
    rows = feedback_rows(client.post("/evaluate", json=request_for(RIGHT)))
    assert rows["gradients"]["title"] == "gradients: correct"
    assert "suggestedAction" not in rows["gradients"]


def test_a_learner_gets_hints_and_a_teacher_what_is_wrong(client: TestClient) -> None:
    learner = feedback_rows(client.post("/evaluate", json=request_for(WRONG, user={"type": "LEARNER"})))
    teacher = feedback_rows(client.post("/evaluate", json=request_for(WRONG, user={"type": "TEACHER"})))
    assert learner["layers.1.weight"]["suggestedAction"].startswith("Which array")
    assert "8" not in learner["layers.1.weight"]["message"]  # how many are wrong
    assert "8" in teacher["layers.1.weight"]["message"]


def test_a_task_is_an_assignment_whose_points_are_awarded(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader, points={"layers.0.weight": 2, "layers.1.weight": 3})
    request = request_for({"gradients": WRONG["gradients"]}, task={"taskId": hw})
    rows = feedback_rows(grader.post("/evaluate", request))
    awarded = {name: row.get("awardedPoints") for name, row in rows.items()}
    assert (awarded["layers.0.weight"], awarded["layers.1.weight"]) == (2.0, 0.0)
    assert client.post("/evaluate", json=request).status_code == 401
    assert person(client, Role.GRADER, "other").post("/evaluate", request).status_code == 404
    assert person(client, Role.STUDENT, "ada", hw).post("/evaluate", request).status_code == 403


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({}, {}, 422),
        (request_for({}), {}, 422),
        (request_for(WRONG, callbackUrl="https://example.org"), {}, 422),
        (request_for(WRONG), {"x-api-version": "9.9"}, 406),
    ],
)
def test_bad_requests_are_refused(
    client: TestClient, body: Any, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/evaluate", json=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["title"]  # the standard asks for a title, as RFC 9457 has it


def test_health_names_what_it_can_do(client: TestClient) -> None:
    document = client.get("/evaluate/health").json()
    assert document["status"] == "OK"
    assert document["capabilities"]["supportedAPIVersions"] == ["0.1.0"]
