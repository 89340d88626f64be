"""Batches from the request to the reports, on SQLite and on Postgres, judged by the service's own worker."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from tests.api.batches.conftest import (
    NDJSON,
    RIGHT,
    WRONG,
    ZIP,
    Headers,
    Start,
    bearer,
    events,
    gradients,
    judging_service,
    problem_of_example,
    reports,
    wait_for_batch,
)
from tests.api.conftest import DATABASES
from tests.api.large import network
from verifier.documents.files import write_document

LINES = [
    WRONG,
    b"{",
    b"",
    b'{"source": "ada", "submission": ' + RIGHT + b"}",
    b'{"submission": ' + RIGHT + b', "source": "ben \\u2713"}\r',
    b'{"network": {"layers": []}}',
    b'{"source": "", "submission": {}}',
]


def zip_archive(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def create_assignment(client: TestClient, headers: Headers, **rules: object) -> str:
    body = {"title": "hw", "problem": problem_of_example(), **rules}
    answer = client.post("/v1/assignments", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@pytest.fixture(scope="class", params=DATABASES)
def client(request: pytest.FixtureRequest, module_database: Callable[[str], str]) -> Iterator[TestClient]:
    with judging_service(module_database(request.param)) as running:
        yield running


class TestOneService:
    def test_every_line_has_its_outcome_and_a_malformed_one_fails_no_other(self, client: TestClient) -> None:
        headers = bearer(client)
        answer = client.post("/v1/batches", content=b"\n".join(LINES) + b"\n", headers=headers | NDJSON)
        assert answer.status_code == 202
        location = answer.headers["location"]
        assert location == f"/v1/batches/{answer.json()['id']}"
        assert (answer.json()["state"], answer.json()["total"]) == ("running", 6)  # one is refused at sight
        document = wait_for_batch(client, location, headers)
        assert document["states"] == {"pending": 0, "judged": 3, "refused": 3, "cancelled": 0}
        assert document["verdicts"] == {"correct": 2, "incorrect": 1, "undecided": 0}
        rows = reports(client, location, headers)
        assert [(row["index"], row["source"], row["state"], row["verdict"]) for row in rows] == [
            (0, "line 1", "judged", "incorrect"),
            (1, "line 2", "refused", None),
            (2, "ada", "judged", "correct"),
            (3, "ben ✓", "judged", "correct"),
            (4, "line 6", "refused", None),
            (5, "line 7", "refused", None),
        ]
        assert [row["report"] and row["report"]["verdict"] for row in rows] == [
            "incorrect", None, "correct", "correct", None, None
        ]  # fmt: skip
        assert "line 1, column" in rows[1]["refusal"]
        assert "/network/layers" in rows[4]["refusal"]
        assert "printable characters" in rows[5]["refusal"]
        kept = client.get(f"/v1/reports/{rows[0]['id']}", headers=headers)
        assert kept.json() == rows[0]["report"]
        assert "retry-after" not in client.get(location, headers=headers).headers

    def test_a_zip_is_judged_file_by_file_without_what_systems_hide_in_it(self, client: TestClient) -> None:
        headers = bearer(client, Role.CI, "pipeline")
        files = {
            "hw/a.json": WRONG,
            "b.json": RIGHT,
            "notes.txt": b"x",
            "__MACOSX/hw/._a.json": b"",
            ".x.json": b"{",
        }
        answer = client.post("/v1/batches", content=zip_archive(files), headers=headers | ZIP)
        assert answer.json()["total"] == 3
        wait_for_batch(client, answer.headers["location"], headers)
        rows = reports(client, answer.headers["location"], headers)
        assert [(row["source"], row["verdict"]) for row in rows] == [
            ("hw/a.json", "incorrect"),
            ("b.json", "correct"),
            ("notes.txt", None),
        ]
        assert ".safetensors" in rows[2]["refusal"]

    def test_an_assignments_batch_keeps_each_file_as_a_students_submission(self, client: TestClient) -> None:
        headers = bearer(client)
        assignment = create_assignment(client, headers, attempts=1)
        files = {"hw/ada.json": gradients(), "ben.json": b"{}"}
        target = f"/v1/batches?assignment={assignment}"
        location = client.post(target, content=zip_archive(files), headers=headers | ZIP).headers["location"]
        wait_for_batch(client, location, headers)
        ada, ben = reports(client, location, headers)
        assert (ada["source"], ada["verdict"]) == ("ada", "incorrect")
        assert (ben["source"], ben["state"]) == ("ben", "refused")
        (row,) = client.get(f"/v1/assignments/{assignment}/submissions", headers=headers).json()
        assert (row["student"], row["attempt"], row["report"]) == ("ada", 1, ada["id"])
        student = bearer(client, Role.STUDENT, "ada", assignment)
        assert client.get(f"/v1/reports/{ada['id']}", headers=student).status_code == 200
        lines = [b'{"source": "ada", "submission": %s}' % gradients(), gradients()]
        location = client.post(target, content=b"\n".join(lines), headers=headers | NDJSON).headers[
            "location"
        ]
        wait_for_batch(client, location, headers)
        again, nameless = reports(client, location, headers)
        assert "all 1 attempts are used" in again["refusal"]
        assert '{"source": STUDENT' in nameless["refusal"]

    def test_a_batch_can_be_followed_from_where_one_was(self, client: TestClient) -> None:
        headers = bearer(client)
        body = b"\n".join([WRONG] * 30)
        location = client.post("/v1/batches", content=body, headers=headers | NDJSON).headers["location"]
        with client.stream("GET", f"{location}/events", headers=headers) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            received = list(events(stream.iter_lines()))
        assert [name for name, _, _ in received] == ["progress"] * (len(received) - 1) + ["finished"]
        counts = [int(number) for _, number, _ in received]
        assert counts == sorted(counts)
        assert counts[-1] == 30
        with client.stream("GET", f"{location}/events", headers=headers | {"last-event-id": "30"}) as stream:
            assert [name for name, _, _ in events(stream.iter_lines())] == ["finished"]
        pages = [reports(client, location, headers, f"?after={after}&most=12") for after in (-1, 11, 23, 29)]
        assert [[row["index"] for row in page] for page in pages] == [
            list(range(12)), list(range(12, 24)), list(range(24, 30)), []
        ]  # fmt: skip

    def test_the_report_of_a_batch_is_the_report_of_a_check(self, client: TestClient) -> None:
        headers = bearer(client)
        location = client.post("/v1/batches", content=WRONG, headers=headers | NDJSON).headers["location"]
        wait_for_batch(client, location, headers)
        ((row),) = reports(client, location, headers)
        checked = client.post(
            "/v1/checks", content=WRONG, headers={"content-type": "application/json"}
        ).json()
        batch_report, check_report = ({**document, "seconds": 0} for document in (row["report"], checked))
        assert json.dumps(batch_report) == json.dumps(check_report)


def test_what_was_stored_while_no_worker_ran_is_judged_by_the_next(start: Start, database: str) -> None:
    first = start(database, worker=False)
    headers = bearer(first)
    answer = first.post("/v1/batches", content=RIGHT, headers=headers | NDJSON)
    waiting = first.get(answer.headers["location"], headers=headers)
    assert (waiting.json()["state"], waiting.headers["retry-after"]) == ("queued", "2")
    assert reports(first, answer.headers["location"], headers) == []
    second = start(database)
    assert wait_for_batch(second, answer.headers["location"], headers)["verdicts"]["correct"] == 1


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgres", marks=pytest.mark.nightly)], indirect=True
)
def test_a_submission_beyond_a_limit_is_refused_and_not_tried_for_ever(start: Start, database: str) -> None:
    client = start(database, seconds_each=0.2, oracles="finite_differences_per_weight")
    headers = bearer(client)
    body = write_document(network([64, 64, 64], 16), "json") * 2
    location = client.post("/v1/batches", content=body, headers=headers | NDJSON).headers["location"]
    assert wait_for_batch(client, location, headers)["states"]["refused"] == 2
    assert all("0.2 seconds" in row["refusal"] for row in reports(client, location, headers))
