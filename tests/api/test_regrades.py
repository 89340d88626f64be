"""Judging a class again: at once, or as a job with progress and an outcome for each submission."""

import json
from threading import Event
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.batches.judging import judge_chunk
from api.batches.retry import Interrupted
from api.services import regrades
from api.storage.records import ItemState, Role
from api.storage.work_queue import Chunk
from api.workers.protocol import Stopped
from tests.api.clients import WRONG, Person, assignment_by, person, problem_of, service_of
from tests.api.conftest import DATABASES, Serve
from tests.api.test_submissions import right_gradients

RIGHT = right_gradients(problem_of(WRONG))["gradients"]
SLIGHTLY = {
    name: [[x * (1 + 1e-4) for x in row] for row in value] if isinstance(value[0], list) else value
    for name, value in RIGHT.items()
}
HANDED_IN = {"ada": SLIGHTLY, "ben": RIGHT, "cleo": SLIGHTLY}
LENIENT = {"problem": problem_of(WRONG) | {"tolerance": "lenient"}}
JOB = {"prefer": "respond-async"}


@pytest.fixture(scope="module", params=DATABASES)
def client(request: pytest.FixtureRequest, serve: Serve, module_database: Any) -> TestClient:
    return serve(database_url=module_database(request.param), oracles="backpropagation", answer_grid=0)


@pytest.fixture
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


@pytest.fixture
def homework(grader: Person) -> str:
    """A class whose assignment has changed since."""
    hw = assignment_by(grader)
    for student, gradients in HANDED_IN.items():
        path = f"/v1/assignments/{hw}/submissions?student={student}"
        assert grader.post(path, {"gradients": gradients}).status_code == 201
    assert grader.put(f"/v1/assignments/{hw}", LENIENT).status_code == 200
    return hw


def stop(client: TestClient, monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    """Let the submissions with these numbers, in the order in which they come, exceed a limit."""
    pool, calls = service_of(client).pool, iter(range(100))
    judge_sync = pool.judge_sync

    def judge(task: Any) -> Any:
        return Stopped("it took too long") if next(calls) in numbers else judge_sync(task)

    monkeypatch.setattr(pool, "judge_sync", judge)


def test_a_job_is_answered_at_once_and_judged_by_a_worker(
    client: TestClient, grader: Person, homework: str
) -> None:
    answer = grader.post(f"/v1/assignments/{homework}/regrades", **JOB)
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
    where, document = answer.headers["location"], answer.json()
    assert (document["state"], document["total"], document["judged"]) == ("queued", 3, 0)
    assert grader.get(where).headers["retry-after"]
    judge_chunk(service_of(client), Chunk(document["id"], 0, 2), Event())
    assert grader.get(where).json()["states"]["pending"] == 1
    assert len(grader.get(f"{where}/outcomes").text.splitlines()) == 2
    judge_chunk(service_of(client), Chunk(document["id"], 0, 3), Event())
    job = grader.get(where).json()
    assert (job["state"], job["judged"], job["refused"]) == ("finished", 3, [])
    assert [change["student"] for change in job["changes"]] == ["ada", "cleo"]
    change = job["changes"][0]
    assert (change["before"]["verdict"], change["after"]["verdict"]) == ("incorrect", "correct")
    outcomes = [json.loads(line) for line in grader.get(f"{where}/outcomes?after=0").text.splitlines()]
    assert [(row["student"], row["state"], row["changed"]) for row in outcomes] == [
        ("ben", "judged", False),
        ("cleo", "judged", True),
    ]
    assert grader.get("/v1/batches").json() == []
    assert grader.get(f"/v1/batches/{job['id']}").status_code == 404


def test_a_worker_that_ends_keeps_what_it_judged_and_leaves_the_rest(
    client: TestClient, grader: Person, homework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = grader.post(f"/v1/assignments/{homework}/regrades", **JOB).json()["id"]
    service, stopping = service_of(client), Event()
    pool, progress, chunk = service.pool, service.repository.batches.progress, Chunk(job, 0, 3)
    judge_sync = pool.judge_sync

    def judge(task: Any) -> Any:
        stopping.set()
        return judge_sync(task)

    monkeypatch.setattr(pool, "judge_sync", judge)
    with pytest.raises(Interrupted):
        judge_chunk(service, chunk, stopping)
    states = progress(job).states
    assert states[ItemState.JUDGED] >= 1
    assert states[ItemState.JUDGED] + states[ItemState.PENDING] == 3
    monkeypatch.undo()
    judge_chunk(service, chunk, Event())
    assert progress(job).states[ItemState.JUDGED] == 3


def test_one_that_is_stopped_is_an_outcome_and_fails_no_other(
    client: TestClient, grader: Person, homework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop(client, monkeypatch, 0)
    done = grader.post(f"/v1/assignments/{homework}/regrades")
    assert done.status_code == 200
    assert (done.json()["judged"], done.json()["revision"]) == (2, 2)
    (refused,) = done.json()["refused"]
    assert "it took too long" in refused["reason"]
    rows = {row["student"]: row for row in grader.get(f"/v1/assignments/{homework}/submissions").json()}
    assert rows[refused["student"]]["revision"] == 1  # its earlier result stays
    assert sorted(row["revision"] for row in rows.values()) == [1, 2, 2]
    monkeypatch.undo()
    assert grader.post(f"/v1/assignments/{homework}/regrades").json()["judged"] == 1


def test_an_error_of_the_service_fails_one_alone(
    client: TestClient, grader: Person, homework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, calls = service_of(client).pool, iter(range(100))
    judge_sync = pool.judge_sync

    def judge(task: Any) -> Any:
        if next(calls) == 1:
            raise ValueError("unforeseen 0.123")
        return judge_sync(task)

    monkeypatch.setattr(pool, "judge_sync", judge)
    done = grader.post(f"/v1/assignments/{homework}/regrades").json()
    assert done["judged"] == 2
    assert [row["reason"] for row in done["refused"]] == ["an error of the service, not of the submission"]


def test_a_large_class_is_a_job_without_being_asked(
    grader: Person, homework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regrades, "MOST_AT_ONCE", 2)
    answer = grader.post(f"/v1/assignments/{homework}/regrades")
    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers
    assert grader.get(answer.headers["location"]).json()["states"]["pending"] == 3


def test_a_job_belongs_to_its_assignment(grader: Person, homework: str) -> None:
    other = assignment_by(grader)
    where = grader.post(f"/v1/assignments/{homework}/regrades", **JOB).headers["location"]
    assert grader.get(where.replace(homework, other)).status_code == 404
    batch = grader.client.post(
        "/v1/batches",
        content=json.dumps(WRONG).encode(),
        headers=grader.headers | {"content-type": "application/x-ndjson"},
    )
    job = batch.headers["location"].rpartition("/")[2]
    assert grader.get(f"/v1/assignments/{homework}/regrades/{job}").status_code == 404
