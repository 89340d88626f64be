"""Services with workers, on SQLite and on Postgres, and whom they know."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.services.tokens import issue
from api.settings import Settings
from api.storage.records import Role
from api.storage.repository import Repository
from tests.api.conftest import DATABASES
from verifier.documents.files import write_document
from verifier.examples.layers import example_document

NDJSON = {"content-type": "application/x-ndjson"}
ZIP = {"content-type": "application/zip"}
WRONG = write_document(example_document("wrong-layer"), "json").strip()
RIGHT = write_document(example_document("sigmoid-mse"), "json").strip()
Headers = dict[str, str]
Start = Callable[..., TestClient]


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, fresh_database: Callable[[str], str]) -> str:
    return fresh_database(request.param)


def judging_service(database_url: str, **settings: Any) -> TestClient:
    """Return a service, not yet entered, that judges its batches itself, unless told otherwise."""
    wanted = {"processes": 2, "worker": True, "oracles": "backpropagation", "database_wait": 300}
    return TestClient(create_app(Settings(database_url=database_url, **wanted | settings)))


@pytest.fixture
def start() -> Iterator[Start]:
    """Start such services for one test; of their workers there may be one at a time in a process."""
    with ExitStack() as running:
        yield lambda *where, **settings: running.enter_context(judging_service(*where, **settings))


def repository_of(client: TestClient) -> Repository:
    return client.app.state.service.repository  # type: ignore[attr-defined]


def bearer(client: TestClient, role: Role = Role.GRADER, subject: str = "prof", opens: str = "") -> Headers:
    """The headers of somebody the service knows."""
    store = repository_of(client).tokens
    assignments = frozenset(opens.split()) if opens else frozenset()
    _, text = issue(store, role, subject, assignments, datetime.now(UTC), None)
    return {"authorization": f"Bearer {text}"}


def problem_of_example() -> dict[str, Any]:
    document = example_document("wrong-layer")
    return {field: value for field, value in document.items() if field not in ("gradients", "name")}


def gradients(example: str = "wrong-layer") -> bytes:
    return json.dumps({"gradients": example_document(example)["gradients"]}).encode()


def events(lines: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Take a stream of server-sent events apart: name, id, data."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            field, _, value = line.partition(": ")
            fields[field] = value
        elif fields:
            yield fields["event"], fields["id"], json.loads(fields["data"])
            fields = {}


def wait_for_batch(client: TestClient, location: str, headers: Headers) -> dict[str, Any]:
    """Wait for a batch's end and give its document."""
    with client.stream("GET", f"{location}/events", headers=headers) as stream:
        assert stream.status_code == 200
        *_, (name, _, document) = events(stream.iter_lines())
    assert name == "finished"
    return document


def reports(client: TestClient, location: str, headers: Headers, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"{location}/reports{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]
