"""Students hand in gradients: judged, counted, kept, and shown as the assignment allows."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api import problem
from api.schemas.classes import StoredAssignmentDocument
from api.storage.records import BatchItem, RegradedItem, Role
from tests.api.clients import WRONG, Person, assignment_by, person, problem_of, service_of
from tests.api.conftest import DATABASES, Serve
from verifier import verify
from verifier.documents.files import write_document

WRONG_GRADIENTS = {"gradients": WRONG["gradients"]}


def right_gradients(document: dict[str, Any]) -> dict[str, Any]:
    """Take the right gradients out of a report of wrong ones, as a grader can."""
    report = verify({**document, "gradients": zeros_like(document)}, entries="all").to_dict()
    return {"gradients": {row["name"]: row["entries"]["expected"] for row in report["parameters"]}}


def zeros_like(document: dict[str, Any]) -> dict[str, Any]:
    return {name: np.zeros(np.shape(value)).tolist() for name, value in document["parameters"].items()}


@pytest.fixture(scope="module", params=DATABASES)
def client(request: pytest.FixtureRequest, serve: Serve, module_database: Any) -> TestClient:
    return serve(database_url=module_database(request.param), oracles="backpropagation,complex_step")


@pytest.fixture
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


def test_a_wrong_submission_is_kept_with_its_report_for_grader_and_student(
    client: TestClient, grader: Person
) -> None:
    hw = assignment_by(grader, title="Homework 1", points=10)
    ada = person(client, Role.STUDENT, "ada", hw)
    answer = ada.post(f"/v1/assignments/{hw}/submissions", WRONG_GRADIENTS)
    assert answer.status_code == 201
    assert answer.json()["audience"] == "student"
    assert answer.json()["verdict"] == "incorrect"
    seen = ada.get(answer.headers["location"]).json()
    assert seen == answer.json()
    whole = grader.get(answer.headers["location"]).json()
    assert whole["diagnosis"][0]["bug"] == "preactivation-as-input"
    assert "expected" in str(whole)
    assert "expected" not in str(seen)
    (row,) = grader.get(f"/v1/assignments/{hw}/submissions").json()
    assert (row["student"], row["attempt"], row["earned"], row["worth"]) == ("ada", 1, 7.5, 10.0)
    assert row["bugs"] == [{"bug": "preactivation-as-input", "layer": 1}]
    (listed_row,) = ada.get(f"/v1/assignments/{hw}/submissions").json()
    assert set(listed_row) == {
        "id", "student", "attempt", "received", "verdict", "report", "earned", "worth", "parameters",
    }  # fmt: skip


def test_an_assignment_follows_its_schema_and_workers_alone_parse_it(
    client: TestClient, grader: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"/v1/assignments/{assignment_by(grader, points=2)}"
    ada = person(client, Role.STUDENT, "ada", where.rpartition("/")[2])

    def refuse(*_: Any) -> None:
        raise AssertionError("a problem was parsed while all other requests waited")

    monkeypatch.setattr(problem, "parse", refuse)
    document = {"problem": problem_of(WRONG), "points": 2}
    answers = (
        grader.post("/v1/assignments", document),
        grader.put(where, document),
        grader.get(where),
        ada.get(where),
    )
    for answer in answers:
        content = answer.json()
        schema = StoredAssignmentDocument.model_validate(content)
        assert json.dumps(content) == json.dumps(schema.model_dump(mode="json"))
        assert (content["points"], content["problem"]) == (2, problem_of(WRONG))
    assert ada.post(f"{where}/submissions", WRONG_GRADIENTS).status_code == 201
    assert grader.get(f"{where}/overview").json()["students"] == 1


def test_a_listed_row_is_the_one_of_the_submission_key_by_key(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader, title="Homework 1", points=10)
    ada = person(client, Role.STUDENT, "ada", hw)
    path = f"/v1/assignments/{hw}/submissions"
    for _ in range(2):
        ada.post(path, WRONG_GRADIENTS)
    repository = service_of(client).repository
    first, _ = repository.submissions.list(hw)
    assert first.result is not None
    bugs = (("sign-flipped", None), *first.result.bugs)
    item = BatchItem("no-batch", 0, "ada", submission=first.id)
    result = replace(first.result, verdict=None, refusal="é\n", bugs=bugs)
    repository.batches.finish_regrades(hw, [RegradedItem(item, result)])
    for caller in (grader, ada):
        rows = caller.get(path).json()
        assert len(rows) == 2
        for row in rows:
            single = caller.get(f"{path}/{row['id']}").json()  # FastAPI writes it by the model
            assert json.dumps(row) == json.dumps(single)
    assert rows[0].keys() < grader.get(path).json()[0].keys()


def test_right_gradients_are_correct_in_every_format(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader)
    ada = person(client, Role.STUDENT, "ada", hw)
    document = problem_of(WRONG) | right_gradients(problem_of(WRONG))
    for format_name, media_type in (
        ("npz", "application/x-npz"),
        ("safetensors", "application/x-safetensors"),
    ):
        only = {"gradients": {k: np.array(v) for k, v in document["gradients"].items()}}
        answer = client.post(
            f"/v1/assignments/{hw}/submissions",
            content=write_document(only, format_name),
            headers=ada.headers | {"content-type": media_type},
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["verdict"] == "correct"


def test_attempts_are_limited_and_malformed_ones_do_not_count(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader, attempts=2)
    ada, ben = (person(client, Role.STUDENT, name, hw) for name in ("ada", "ben"))
    path = f"/v1/assignments/{hw}/submissions"
    malformed = ada.post(path, {"gradients": {"layers.7.weight": [[1.0]]}})
    assert malformed.status_code == 422
    assert malformed.json()["errors"][0]["pointer"] == "/gradients/layers.7.weight"
    assert ada.get(f"/v1/assignments/{hw}").json()["attempts_left"] == 2
    assert [ada.post(path, WRONG_GRADIENTS).status_code for _ in range(3)] == [201, 201, 409]
    assert ada.get(f"/v1/assignments/{hw}").json()["attempts_left"] == 0
    assert ben.post(path, WRONG_GRADIENTS).status_code == 201


def test_the_window_is_kept_by_the_services_clock(
    client: TestClient, grader: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens = datetime(2026, 12, 1, 8, tzinfo=UTC)
    closes = opens + timedelta(days=7)
    hw = assignment_by(grader, opens=opens.isoformat(), closes=closes.isoformat())
    ada = person(client, Role.STUDENT, "ada", hw)
    path = f"/v1/assignments/{hw}"
    for moment, read, submitted in (
        (opens - timedelta(seconds=1), 403, 403),
        (opens, 200, 201),
        (closes - timedelta(seconds=1), 200, 201),
        (closes, 200, 403),
    ):
        monkeypatch.setattr(service_of(client), "now", lambda moment=moment: moment)
        assert ada.get(path).status_code == read
        assert ada.post(f"{path}/submissions", WRONG_GRADIENTS).status_code == submitted


@pytest.mark.parametrize(
    ("seen", "keys"),
    [
        ([], None),
        (["verdict"], {"verdict"}),
        (["verdict", "parameters"], {"verdict", "parameters"}),
        (["verdict", "bug", "layer"], {"verdict", "bug", "layer", "equation"}),
        (["verdict", "hint"], {"verdict", "hint"}),
    ],
)
def test_a_student_sees_what_the_assignment_allows_and_nothing_else(
    client: TestClient, grader: Person, seen: list[str], keys: set[str] | None
) -> None:
    hw = assignment_by(grader, students_see=seen)
    ada = person(client, Role.STUDENT, "ada", hw)
    answer = ada.post(f"/v1/assignments/{hw}/submissions", WRONG_GRADIENTS)
    document = answer.json()
    if keys is None:
        assert set(document) == {"schema", "submission", "attempt", "received"}
        assert ada.get(answer.headers["location"]).status_code == 403
        assert "verdict" not in ada.get(f"/v1/assignments/{hw}/submissions").json()[0]
        return
    shown = {"verdict"}
    shown |= {"parameters"} if document["parameters"] else set()
    shown |= {key for row in document["diagnosis"] for key in row}
    assert shown - {"title", "explanation", "right", "wrong"} == keys


def test_each_student_has_numbers_of_their_own_and_always_the_same(
    client: TestClient, grader: Person
) -> None:
    hw = assignment_by(grader, instances="per_student", attempts=5)
    ada, ben = (person(client, Role.STUDENT, name, hw) for name in ("ada", "ben"))
    first, again, other = (who.get(f"/v1/assignments/{hw}").json()["problem"] for who in (ada, ada, ben))
    assert first == again
    assert first["network"] == other["network"]
    assert first["inputs"] != other["inputs"]
    assert first["parameters"] != problem_of(WRONG)["parameters"]
    path, gradients = f"/v1/assignments/{hw}/submissions", right_gradients(first)
    assert ada.post(path, gradients).json()["verdict"] == "correct"
    assert ben.post(path, gradients).json()["verdict"] == "incorrect"


def test_a_report_can_be_had_in_other_formats_and_is_not_sent_twice(
    client: TestClient, grader: Person
) -> None:
    hw = assignment_by(grader)
    answer = grader.post(f"/v1/assignments/{hw}/submissions?student=ada", WRONG_GRADIENTS)
    where = answer.headers["location"]
    text = grader.get(where, accept="text/plain")
    assert "preactivation-as-input" in text.text
    etag = text.headers["etag"]
    assert grader.get(where, accept="text/plain", **{"if-none-match": etag}).status_code == 304
    assert grader.get(where, **{"if-none-match": etag}).status_code == 200  # JSON is another representation


def test_a_stored_report_keeps_no_arrays_and_its_page_says_what_draws_them(
    client: TestClient, grader: Person
) -> None:
    hw = assignment_by(grader)
    path = f"/v1/assignments/{hw}/submissions?student=ada"
    where = grader.post(path, WRONG_GRADIENTS, accept="text/html").headers["location"]
    assert "entries" not in grader.get(where).json()["parameters"][0]
    page = grader.get(where, accept="text/html").text
    assert "<figure data-figure=" not in page
    assert "Figures need the whole arrays" in page


def test_a_grader_names_whose_submission_it_is(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader)
    unnamed = grader.post(f"/v1/assignments/{hw}/submissions", WRONG_GRADIENTS)
    assert unnamed.status_code == 422
    assert "?student=" in unnamed.json()["detail"]
