"""Refusals, limits, lists and counts reveal no verdict before or beside the answer."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.services import answer_grid
from api.storage.records import Role
from api.workers.protocol import Stopped
from tests.api.clients import WRONG, Person, assignment_by, person, service_of
from tests.api.conftest import Serve

ANSWER = {"gradients": WRONG["gradients"]}
MALFORMED = {"gradients": {"layers.7.weight": [[1.0]]}}


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation", answer_grid=0)


@pytest.fixture(scope="module")
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


@pytest.fixture
def stopped(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def judge(_: object) -> Stopped:
        return Stopped("it took longer than the 30 seconds that one may take here")

    monkeypatch.setattr(service_of(client).pool, "judge", judge)


@pytest.fixture
def clock(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], list[float]]:
    """Let judging take so many seconds by the service's clock, and list how long it then waits."""
    moment, waited = [100.0], list[float]()
    service = service_of(client)
    settings = service.settings.model_copy(update={"answer_grid": 0.25})
    monkeypatch.setattr(service, "settings", settings)
    monkeypatch.setattr(answer_grid, "monotonic", lambda: moment[0])

    async def sleep(seconds: float) -> None:
        waited.append(round(seconds, 6))

    monkeypatch.setattr(answer_grid.anyio, "sleep", sleep)
    judge = service.pool.judge

    def take(seconds: float) -> list[float]:
        async def slow(task: Any) -> Any:
            moment[0] += seconds
            return await judge(task)

        monkeypatch.setattr(service.pool, "judge", slow)
        return waited

    return take


def path_of(homework: str) -> str:
    return f"/v1/assignments/{homework}/submissions"


@pytest.mark.usefixtures("stopped")
def test_what_is_stopped_counts_and_looks_like_any_receipt(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader, students_see=[], attempts=1)
    ada = person(client, Role.STUDENT, "ada", hw)
    answer = ada.post(path_of(hw), ANSWER)
    assert (answer.status_code, answer.json()["schema"]) == (201, "gradjury.receipt/1")
    assert ada.get(answer.headers["location"]).status_code == 403  # as where there is a report
    assert ada.get(f"/v1/assignments/{hw}").json()["attempts_left"] == 0
    assert ada.post(path_of(hw), ANSWER).status_code == 409
    (row,) = grader.get(path_of(hw)).json()
    assert "longer than the 30 seconds" in row["refusal"]
    assert grader.get(f"/v1/assignments/{hw}/overview").json()["verdicts"] == {"not judged": 1}


@pytest.mark.usefixtures("stopped")
def test_what_is_stopped_is_said_where_verdicts_are_shown(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader, attempts=2)
    ada = person(client, Role.STUDENT, "ada", hw)
    answer = ada.post(path_of(hw), ANSWER)
    assert answer.status_code == 413
    assert "the attempt counts" in answer.json()["detail"]
    assert ada.get(f"/v1/assignments/{hw}").json()["attempts_left"] == 1


@pytest.mark.parametrize(
    ("seconds", "rest"), [(0.1, 0.15), (0.25, 0.0), (0.3, 0.2), (0.6, 0.4), (1.3, 0.7), (22.0, 10.0)]
)
def test_students_are_answered_after_a_power_of_two_times_the_grid(
    client: TestClient, grader: Person, clock: Callable[[float], list[float]], seconds: float, rest: float
) -> None:
    ada = person(client, Role.STUDENT, "ada", hw := assignment_by(grader))
    waited = clock(seconds)
    assert ada.post(path_of(hw), ANSWER).status_code == 201
    assert waited == [pytest.approx(rest)]


def test_refusals_wait_for_the_same_grid(
    client: TestClient, grader: Person, clock: Callable[[float], list[float]]
) -> None:
    waited = clock(0.1)
    closed = assignment_by(grader, opens=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    hw = assignment_by(grader, attempts=1)
    ada = person(client, Role.STUDENT, "ada", hw, closed)
    statuses = [
        ada.post(path_of(homework), answer).status_code
        for homework, answer in ((hw, MALFORMED), (hw, ANSWER), (hw, ANSWER), (closed, ANSWER))
    ]
    assert statuses == [422, 201, 409, 403]
    assert waited == [pytest.approx(rest) for rest in (0.15, 0.15, 0.25, 0.25)]
    assert grader.post(f"{path_of(hw)}?student=ben", ANSWER).status_code == 201
    assert len(waited) == 4  # graders do not wait


def test_an_attempt_is_in_every_list_and_count_before_it_is_judged(
    client: TestClient, grader: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    hw = assignment_by(grader, attempts=2)
    ada = person(client, Role.STUDENT, "ada", hw)
    service, seen = service_of(client), list[Any]()
    judge = service.pool.judge

    async def looking(task: Any) -> Any:
        stored = service.repository.submissions.list(hw, "ada")
        seen.append([(row.attempt, row.result) for row in stored])
        return await judge(task)

    monkeypatch.setattr(service.pool, "judge", looking)
    assert ada.post(path_of(hw), MALFORMED).status_code == 422
    assert ada.get(path_of(hw)).json() == []
    assert ada.post(path_of(hw), ANSWER).status_code == 201
    assert seen == [[(1, None)], [(1, None)]]


def test_a_list_shows_no_result_before_the_answer_does(client: TestClient, grader: Person) -> None:
    ada = person(client, Role.STUDENT, "ada", hw := assignment_by(grader))
    ada.post(path_of(hw), ANSWER)
    service = service_of(client)
    (stored,) = service.repository.submissions.list(hw, "ada")
    assert stored.shown is not None
    early = stored.shown - timedelta(milliseconds=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "now", lambda: early)
        (row,) = ada.get(path_of(hw)).json()
        assert set(row) == {"id", "student", "attempt", "received"}
        assert ada.get(f"{path_of(hw)}/{stored.id}").json() == row
        assert ada.get(f"/v1/reports/{stored.result and stored.result.report}").status_code == 403
        assert grader.get(path_of(hw)).json()[0]["verdict"] == "incorrect"
    assert ada.get(path_of(hw)).json()[0]["verdict"] == "incorrect"


def test_an_earlier_report_is_shown_as_the_present_rules_allow(client: TestClient, grader: Person) -> None:
    problem = {field: value for field, value in WRONG.items() if field != "gradients"}
    everything = ["verdict", "parameters", "layer", "bug", "hint"]
    hw = assignment_by(grader, students_see=everything)
    ada = person(client, Role.STUDENT, "ada", hw)
    answer = ada.post(path_of(hw), ANSWER)
    where = answer.headers["location"]
    assert answer.json()["diagnosis"][0]["bug"] == "preactivation-as-input"
    assert answer.json()["diagnosis"][0]["explanation"]
    assert ada.get(where).json() == answer.json()
    for seen, status in ((["verdict"], 200), ([], 403)):
        rules = {"problem": problem, "students_see": seen}
        assert grader.put(f"/v1/assignments/{hw}", rules).status_code == 200
        shown = ada.get(where)
        assert shown.status_code == status
        assert "preactivation" not in shown.text
    (row,) = ada.get(path_of(hw)).json()
    assert "verdict" not in row
    assert grader.get(where).json()["diagnosis"][0]["bug"] == "preactivation-as-input"


def test_what_has_not_opened_is_listed_to_graders_alone(client: TestClient, grader: Person) -> None:
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    secret = assignment_by(grader, title="Gradients of attention", opens=later)
    ada = person(client, Role.STUDENT, "ada", secret)
    assert ada.get("/v1/assignments").json() == []
    rows = {row["id"]: (row["title"], row["state"]) for row in grader.get("/v1/assignments").json()}
    assert rows[secret] == ("Gradients of attention", "scheduled")


def test_open_checks_are_said_at_the_start_and_to_who_makes_an_assignment(
    client: TestClient, grader: Person, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    problem = {field: value for field, value in WRONG.items() if field != "gradients"}
    made = grader.post("/v1/assignments", {"problem": problem}).json()
    assert "GRADJURY_OPEN_CHECKS=false" in made["notice"]
    url = service_of(client).settings.database_url
    for closed, expected in ((False, 1), (True, 0)):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            again = serve(database_url=url, open_checks=not closed)
        assert sum("public checks are on" in record.getMessage() for record in caplog.records) == expected
    prof = person(again, Role.GRADER, "prof")
    assert prof.post("/v1/assignments", {"problem": problem}).json()["notice"] is None


def test_files_are_kept_as_they_were_parsed_and_a_quota_holds(serve: Serve) -> None:
    small = serve(oracles="backpropagation", answer_grid=0, largest_kept=20_000)
    prof = person(small, Role.GRADER, "prof")
    hw = assignment_by(prof)
    ada, ben = (person(small, Role.STUDENT, name, hw) for name in ("ada", "ben"))
    padded = b" " * 500_000 + json.dumps(ANSWER).encode() + b" " * 500_000
    headers = ada.headers | {"content-type": "application/json"}
    assert small.post(path_of(hw), content=padded, headers=headers).status_code == 201
    store = service_of(small).repository.submissions
    (row,) = store.list(hw, "ada")
    assert json.loads(store.content(row.id)) == ANSWER
    assert len(store.content(row.id)) < 5_000
    statuses = [ada.post(path_of(hw), ANSWER).status_code for _ in range(8)]
    assert statuses[0] == 201
    assert statuses[-1] == 413
    assert store.size(hw, "ada") < 30_000
    assert "GRADJURY_LARGEST_KEPT" in ada.post(path_of(hw), ANSWER).json()["detail"]
    assert ben.post(path_of(hw), ANSWER).status_code == 201


@pytest.mark.parametrize("name", ["Jose\u0301", " Jos\u00e9 ", "Jos\u00e9\u200b", "\u202aJos\u00e9"])
def test_names_that_look_alike_are_one_student(client: TestClient, grader: Person, name: str) -> None:
    hw = assignment_by(grader)
    jose = person(client, Role.STUDENT, "Jos\u00e9", hw)
    assert client.post(path_of(hw), params={"student": name}, json=ANSWER, headers=grader.headers).is_success
    (row,) = jose.get(path_of(hw)).json()
    assert row["student"] == "Jos\u00e9"
    token = person(client, Role.STUDENT, name, hw)
    assert token.get(path_of(hw)).json() == [row]
