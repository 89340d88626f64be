"""A database of the first release, with rows in it, is brought up to date and back."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, text

from api.storage import database
from api.storage.database import open_repository, read_url
from api.storage.records import Role
from tests.api.clients import WRONG, problem_of
from tests.api.conftest import DATABASES
from verifier import verify
from verifier.documents.assignment import assignment_to_document, read_assignment
from verifier.report.outcome import drop_arrays

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = {"problem": problem_of(WRONG), "title": "First", "attempts": 3, "closes": "2026-12-01T18:00:00+01:00"}
REPORT = json.dumps(drop_arrays(verify(WRONG)).to_dict()).encode()
NAMES = ("Jose\u0301", "Jos\u00e9", "ada")


def migrate(engine: Engine, action: Callable[[Config], None]) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).with_name("migrations")))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        action(config)


def fill(connection: Connection) -> None:
    """Store what the first release stored of an assignment with a submission of each student."""

    def insert(table: str, **row: object) -> None:
        columns, values = ", ".join(f'"{name}"' for name in row), ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), row)

    document = json.dumps(assignment_to_document(read_assignment(RULES)))
    moment = f"{NOON:%Y-%m-%d %H:%M:%S.%f}" if connection.dialect.name == "sqlite" else NOON
    insert("assignments", id="hw", owner="prof", document=document, revision=1, created=moment)
    insert("tokens", id="t1", digest=b"d", role="student", subject=NAMES[0], assignments='["hw"]',
           created=moment)  # fmt: skip
    for number, name in enumerate(NAMES):
        insert("reports", id=f"r{number}", owner=f"student:{name}", assignment="hw", submission=f"s{number}",
               document=REPORT, student=b"{}", etag="e", created=moment)  # fmt: skip
        insert("submissions", id=f"s{number}", assignment="hw", student=name, attempt=1, received=moment,
               declared="json", content=b"content", report=f"r{number}", revision=1, verdict="incorrect",
               earned=1.0, worth=2.0, parameters="{}", bugs="[]", refusal="")  # fmt: skip
    insert("batches", id="b", owner="grader:prof", assignment=None, total=2, created=moment, cancelled=None)
    for index, state in enumerate(("judged", "pending")):
        insert("batch_items", batch="b", index=index, source="x", declared="json", content=b"kept",
               state=state, report=None, verdict=None, refusal="")  # fmt: skip


@pytest.mark.parametrize("kind", DATABASES)
def test_rows_of_the_first_release_are_kept(fresh_database: Callable[[str], str], kind: str) -> None:
    url = fresh_database(kind)
    engine = create_engine(read_url(url))
    migrate(engine, lambda config: command.upgrade(config, "0001"))
    with engine.begin() as connection:
        fill(connection)
    repository = open_repository(url)
    (row,) = repository.assignments.list("prof", ())
    assert (row.title, row.attempts, row.opens) == ("First", 3, None)
    assert row.closes == datetime(2026, 12, 1, 17, tzinfo=UTC)
    found = repository.assignments.find("hw")
    assert found is not None
    assert found.assignment.problem == problem_of(WRONG)
    assert found.problem.shapes["layers.0.weight"] == np.shape(WRONG["parameters"]["layers.0.weight"])
    assert not found.problem.of_graph
    assert assignment_to_document(found.assignment) == assignment_to_document(read_assignment(RULES))
    listed = repository.submissions.list("hw")
    assert sorted((each.student, each.attempt) for each in listed) == [
        ("Jos\u00e9", 1),
        ("Jos\u00e9", 2),
        ("ada", 1),
    ]
    assert {each.shown for each in listed} == {NOON}
    assert repository.submissions.content("s0") == b"content"
    assert repository.submissions.size("hw", "ada") == len(b"content" + REPORT)
    first = repository.submissions.find(listed[0].id)
    assert first is not None
    assert first.result is not None
    result = first.result
    assert result.summary["findings"][0][0] == "preactivation-as-input"
    assert result.summary["errors"]["layers.1.weight"] > 0.01
    report = repository.reports.find("r0")
    assert report is not None
    assert report.owner == "student:Jos\u00e9"
    assert repository.reports.document("r0") == REPORT
    token = repository.tokens.find("t1")
    assert token is not None
    assert (token[0].role, token[0].subject) == (Role.STUDENT, "Jos\u00e9")
    assert [item.content for item in repository.batches.pending("b", 0, 2)] == [b"kept"]
    repository.check_writable()
    repository.close()
    migrate(engine, lambda config: command.downgrade(config, "0001"))
    with engine.begin() as connection:
        contents = connection.execute(text("SELECT content FROM submissions")).scalars().all()
        document = connection.execute(text("SELECT document FROM assignments")).scalar_one()
    assert json.loads(document) == assignment_to_document(read_assignment(RULES))
    assert [bytes(content) for content in contents] == [b"content"] * len(NAMES)
    migrate(engine, lambda config: command.downgrade(config, "base"))
    engine.dispose()
