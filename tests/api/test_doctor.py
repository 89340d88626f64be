"""`gradjury doctor` examines databases, tables, clocks, disks and oracles, and changes none of them."""

import shutil
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from api.command_line import cli
from api.storage import work_queue
from api.storage.database import open_repository, read_url
from tests.api.conftest import DATABASES


@pytest.fixture(autouse=True)
def one_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADJURY_ORACLES", "backpropagation")


def examine(url: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit status, and for each thing that was examined its state and what was said."""
    result = CliRunner().invoke(cli.app, ["doctor", "--database-url", url])
    rows = (line.split(maxsplit=2) for line in result.stdout.splitlines())
    return result.exit_code, {name: (state, detail) for state, name, detail in rows}


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'gradjury.sqlite'}"
    open_repository(url).close()
    return url


def change(url: str, statement: str, **values: object) -> None:
    engine = create_engine(read_url(url))
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


@pytest.mark.parametrize("kind", DATABASES)
def test_a_service_that_is_well_passes(fresh_database: Callable[[str], str], kind: str) -> None:
    url = fresh_database(kind)
    repository = open_repository(url)
    repository.workers.record_heartbeat("w", datetime.now(UTC))
    repository.close()
    status, rows = examine(url)
    assert (status, {state for state, _ in rows.values()}) == (0, {"ok"})
    assert list(rows) == ["database", "tables", "clock", "workers", "disk", "oracles"]
    assert rows["workers"][1] == "1 alive"
    assert "backpropagation agrees" in rows["oracles"][1]
    assert "secret" not in rows["database"][1]


def test_a_database_that_is_not_there_is_a_failure_and_is_not_made(tmp_path: Path) -> None:
    status, rows = examine(f"sqlite:///{tmp_path / 'other.sqlite'}")
    assert (status, rows["database"][0]) == (1, "failure")
    assert f"there is no file {tmp_path / 'other.sqlite'}" in rows["database"][1]
    assert list(tmp_path.iterdir()) == []
    status, rows = examine("postgresql://u:sesame@127.0.0.1:1/x")
    assert (status, rows["database"][0], "cannot be reached" in rows["database"][1]) == (1, "failure", True)


@pytest.mark.parametrize(
    ("revision", "status", "state", "words"),
    [("0003", 0, "warning", "start the service"), ("9999", 1, "failure", "install the newer release")],
)
def test_tables_of_another_release_are_told_and_not_migrated(
    database: str, revision: str, status: int, state: str, words: str
) -> None:
    change(database, "UPDATE alembic_version SET version_num = :revision", revision=revision)
    found, rows = examine(database)
    assert (found, rows["tables"][0], words in rows["tables"][1]) == (status, state, True)
    with sqlite3.connect(read_url(database).database or "") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(revision,)]
    connection.close()


def test_an_sqlite_that_is_too_old_for_the_queue_is_refused(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_queue, "_OLDEST_SQLITE", (99, 0))
    refused = CliRunner().invoke(cli.app, ["serve", "--database-url", database])
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "needs SQLite 99.0 or later" in refused.stderr
    assert "Postgres" in refused.stderr


def test_a_clock_behind_what_was_stored_is_a_failure(database: str) -> None:
    repository = open_repository(database)
    repository.workers.record_heartbeat("w", datetime.now(UTC) + timedelta(hours=1))
    repository.close()
    status, rows = examine(database)
    assert (status, rows["clock"][0], "in the future" in rows["clock"][1]) == (1, "failure", True)


@pytest.mark.parametrize(("free", "status", "state"), [(2**29, 0, "warning"), (2**20, 1, "failure")])
def test_a_full_disk_is_told(
    database: str, free: int, status: int, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    found, rows = examine(database)
    assert (found, rows["disk"][0], "make room" in rows["disk"][1]) == (status, state, True)


def test_an_oracle_whose_package_is_missing_is_a_failure_where_it_is_named(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADJURY_ORACLES", "backpropagation,autograd")
    monkeypatch.setitem(sys.modules, "torch", None)
    status, rows = examine(database)
    assert (status, rows["oracles"][0]) == (1, "failure")
    assert "autograd gave no answer" in rows["oracles"][1]
    assert "pip install 'gradjury[torch]'" in rows["oracles"][1]
