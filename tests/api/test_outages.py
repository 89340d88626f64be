"""A database that is locked, full or away is answered with 503 and one line in the log, and costs nothing."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, make_url
from sqlalchemy.exc import OperationalError

from api.storage import database
from api.storage.database import open_repository
from api.storage.records import Role
from tests.api.clients import WRONG, Person, assignment_by, person, service_of
from tests.api.conftest import Serve

ANSWER = {"gradients": WRONG["gradients"]}


@pytest.fixture
def client(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(database, "_PROBE_TIMEOUT", 0)
    return serve(oracles="backpropagation", answer_grid=0, database_wait=0)


def file_of(client: TestClient) -> Path:
    return Path(str(make_url(service_of(client).settings.database_url).database))


@contextmanager
def locked(client: TestClient) -> Iterator[None]:
    """Let another program hold the lock on writing."""
    with closing(sqlite3.connect(file_of(client), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def failing(client: TestClient, error: Exception) -> Iterator[None]:
    """Let every statement fail, as on a full disk or without a server."""
    engine = service_of(client).repository.engine  # type: ignore[attr-defined]

    def fail(*_: Any) -> None:
        raise error

    event.listen(engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", fail)


def test_a_locked_database_is_answered_with_503_and_costs_no_attempt(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    hw = assignment_by(person(client, Role.GRADER, "prof"), attempts=1)
    ada = person(client, Role.STUDENT, "ada", hw)
    path = f"/v1/assignments/{hw}/submissions"
    with locked(client), caplog.at_level(logging.WARNING):
        answer = ada.post(path, ANSWER)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["content-type"] == "application/problem+json"
        assert "nothing was stored" in answer.json()["detail"]
        assert ada.get(path).json() == []  # reading goes on
    lines = [record.getMessage() for record in caplog.records if record.name == "gradjury"]
    assert lines == ["the database cannot be used: OperationalError: database is locked"]
    assert ada.post(path, ANSWER).status_code == 201


def test_readiness_tries_a_write(client: TestClient) -> None:
    service_of(client).repository.check_writable()
    with locked(client):
        service_of(client).repository.check()
        with pytest.raises(OperationalError, match="locked"):
            service_of(client).repository.check_writable()
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()["storage"]) == (503, False)


@pytest.mark.parametrize("words", ["database or disk is full", "the server closed the connection"])
def test_a_full_disk_or_a_server_that_is_away_is_503_for_every_door(
    client: TestClient, caplog: pytest.LogCaptureFixture, words: str
) -> None:
    prof: Person = person(client, Role.GRADER, "prof")
    error = OperationalError("INSERT", {"content": "0.123"}, sqlite3.OperationalError(words))
    with failing(client, error), caplog.at_level(logging.WARNING):
        for path in ("/v1/assignments", "/v1/batches", "/v1/reports/0123", "/assignments"):
            headers = {"cookie": prof.headers["authorization"].replace("Bearer ", "gradjury-token=")}
            answer = client.get(path, headers=headers if path == "/assignments" else prof.headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5"), path
    lines = [record.getMessage() for record in caplog.records if record.name == "gradjury"]
    assert len(lines) == 4
    assert all("\n" not in line and words in line and "0.123" not in line for line in lines)


def test_another_error_of_the_database_stays_an_error_of_the_service(client: TestClient) -> None:
    prof = person(client, Role.GRADER, "prof")
    with failing(client, ValueError("a broken statement")):
        assert prof.get("/v1/assignments").status_code == 500


def test_database_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    fresh, earlier = tmp_path / "fresh.sqlite", tmp_path / "earlier.sqlite"
    earlier.touch(mode=0o644)
    earlier.chmod(0o644)
    for file in (fresh, earlier):
        repository = open_repository(f"sqlite:///{file}")
        repository.check()  # leaves a connection in the pool, and its files
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.glob(f"{file.name}*")}
        assert set(modes) == {file.name, f"{file.name}-wal", f"{file.name}-shm"}
        assert set(modes.values()) == {"0o600"}
        repository.close()
