"""Requests for batches: their content, who may make them, and the same request made twice."""

import io
import struct
import zipfile
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from api.http.problems import ProblemError
from api.http.upload import read_archive, read_lines
from api.service import utc_now
from api.storage.batches import SqlBatches
from api.storage.records import Role, StoredBatch
from api.storage.work_queue import chunks_of
from tests.api.batches.conftest import (
    NDJSON,
    RIGHT,
    WRONG,
    ZIP,
    bearer,
    problem_of_example,
    reports,
)
from tests.api.batches.test_judging import zip_archive
from tests.api.conftest import Serve


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    """A service that takes batches and does not judge them."""
    return serve(most_in_batch=50, largest_body=20_000, largest_batch=100_000)


def bomb() -> bytes:
    return zip_archive({f"{name}.json": b" " * 60_000 for name in "ab"})


def zip_with_false_size() -> bytes:
    """A zip whose directory says that a file is small that is not."""
    content = bytearray(zip_archive({"a.json": b" " * 60_000}))
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 10)
    return bytes(content)


def zip_with_false_total() -> bytes:
    """A zip whose directory claims to take more room than so many files may."""
    content = bytearray(zip_archive({"a.json": b"{}"}))
    at = content.rfind(b"PK\x05\x06")
    content[at + 12 : at + 16] = struct.pack("<I", 2**30)
    return bytes(content)


def zip_with_repeated_name() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.json", b"{}")
        archive.writestr("b.json", b"{}")
    return stream.getvalue().replace(b"b.json", b"a.json")


@pytest.mark.parametrize(
    ("content", "content_type", "status", "words"),
    [
        (b"", NDJSON, 422, "at least one submission"),
        (b"\n \n", NDJSON, 422, "at least one submission"),
        (b"{}\n" * 51, NDJSON, 413, "at most 50 submissions"),
        (b" " * 100_001, NDJSON, 413, "100000 bytes"),
        (b"{}", {"content-type": "application/json"}, 415, "application/x-ndjson or application/zip"),
        (b"not a zip", ZIP, 400, "zip archive"),
        (zip_archive({"a.json": b"{}"})[:-4], ZIP, 400, "zip archive"),
        (zip_archive({}), ZIP, 422, "at least one submission"),
        (zip_archive({f"{number}.json": b"{}" for number in range(51)}), ZIP, 413, "at most 50 submissions"),
        (bomb(), ZIP, 413, "at most 100000 bytes inflated, got 120000"),
        (zip_with_false_total(), ZIP, 413, "at most 50 submissions"),
        (zip_with_repeated_name(), ZIP, 422, "'a.json' several times"),
    ],
)  # fmt: skip
def test_what_is_no_batch_is_refused_whole(
    client: TestClient, content: bytes, content_type: dict[str, str], status: int, words: str
) -> None:
    answer = client.post("/v1/batches", content=content, headers=bearer(client) | content_type)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


def compressed(method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("a.json", b"{}")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zip_archive({"a.json": b" " * 20_001}), "at most 20000 bytes, got 20001"),
        (zip_with_false_size(), "a damaged one"),
        (compressed(zipfile.ZIP_BZIP2), "stored or deflated"),
        (compressed(zipfile.ZIP_LZMA), "stored or deflated"),
        (zip_archive({"x" * 201 + ".json": b"{}"}), "1 to 200 printable characters"),
        (zip_archive({"a\nb.json": b"{}"}), "1 to 200 printable characters"),
        (zip_archive({"a.pkl": b"{}"}), "a file .json, .npz, .safetensors, got 'a.pkl'"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_alone(content: bytes, words: str) -> None:
    (sent,) = read_archive(content, 50, 100_000, 20_000, of_students=False)
    assert words in sent.refusal
    assert sent.content == b""


def test_a_name_in_a_zip_is_never_a_path_on_a_disk() -> None:
    (sent,) = read_archive(zip_archive({"../../etc/a.json": b"{}"}), 50, 100, 100, of_students=True)
    assert (sent.source, sent.content) == ("a", b"{}")


@pytest.mark.parametrize(
    ("line", "source", "submission"),
    [
        (b'{"gradients": {}}', "line 1", b'{"gradients": {}}'),
        (b'{"source": "a", "submission": {"x": 1.50}}', "a", b'{"x": 1.50}'),
        (b' { "source" : "a\\"b" , "submission" : {}  } \r', 'a"b', b"{}"),
        (b'{"submission": {"x": [1e400]}, "source": "a"}', "a", b'{"x": [1e400]}'),
        (b'{"source": 3, "submission": {}}', "line 1", b'{"source": 3, "submission": {}}'),
        (b'{"source": "a", "submission": {"x": 1}, "y": 2}', "a", b'{"x": 1}, "y": 2'),
        (b"[" * 1000, "line 1", b"[" * 1000),
    ],
)
def test_a_line_may_name_itself_and_its_submission_stays_as_it_was_written(
    line: bytes, source: str, submission: bytes
) -> None:
    (sent,) = read_lines(line, 10, 2000, named=False)
    assert (sent.source, sent.content.strip(), sent.refusal) == (source, submission, "")


@pytest.mark.parametrize("name", [b"", b"x" * 201, b"\\u0000", b"\\ud800", b"\\n", b"\\x", b"\xff"])
def test_a_name_that_cannot_stand_in_a_table_is_refused_with_its_line(name: bytes) -> None:
    (sent,) = read_lines(b'{"source": "' + name + b'", "submission": {}}', 10, 2000, named=False)
    assert sent.source == "line 1"
    assert "printable" in sent.refusal


def test_lines_are_numbered_as_an_editor_numbers_them() -> None:
    uploads = read_lines(b"\n\n{}\n\n{}\n", 10, 100, named=False)
    assert [sent.source for sent in uploads] == ["line 3", "line 5"]


def test_an_assignment_takes_one_submission_a_student(client: TestClient) -> None:
    headers = bearer(client)
    assignment = client.post(
        "/v1/assignments", json={"problem": problem_of_example()}, headers=headers
    ).json()["id"]
    content = zip_archive({"a/ada.json": b"{}", "b/ada.npz": b"{}"})
    answer = client.post(f"/v1/batches?assignment={assignment}", content=content, headers=headers | ZIP)
    assert answer.status_code == 422
    assert "every student once, got 'ada'" in answer.json()["detail"]


def test_a_list_counts_the_items_of_a_finished_batch_once(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = bearer(client)
    content = zip_archive({"a.txt": b"", "b.txt": b""})
    client.post("/v1/batches", content=content, headers=sender | ZIP)
    first = client.get("/v1/batches", headers=sender).json()
    assert first[0]["states"]["refused"] == 2
    monkeypatch.setattr(SqlBatches, "progress", None)
    assert client.get("/v1/batches", headers=sender).json() == first


def test_an_index_that_no_database_takes_is_refused(client: TestClient) -> None:
    sender = bearer(client)
    location = client.post("/v1/batches", content=RIGHT, headers=sender | NDJSON).headers["location"]
    assert client.get(f"{location}/reports?after={2**64}", headers=sender).status_code == 422


def test_a_batch_is_its_senders_alone(client: TestClient) -> None:
    sender = bearer(client)
    location = client.post("/v1/batches", content=RIGHT, headers=sender | NDJSON).headers["location"]
    calls = [("GET", ""), ("GET", "/reports"), ("GET", "/events"), ("DELETE", "")]
    for role, subject, status in [
        (Role.GRADER, "other", 404),
        (Role.CI, "prof", 404),
        (Role.STUDENT, "prof", 403),
    ]:
        headers = bearer(client, role, subject)
        assert [client.request(how, location + what, headers=headers).status_code for how, what in calls] == [
            status
        ] * 4
    assert [client.request(how, location + what).status_code for how, what in calls] == [401] * 4
    assert client.get("/v1/batches/none", headers=sender).status_code == 404
    listed = client.get("/v1/batches", headers=sender).json()
    assert location.rpartition("/")[2] in [batch["id"] for batch in listed]
    assert client.get("/v1/batches", headers=bearer(client, Role.GRADER, "other")).json() == []


@pytest.mark.parametrize(
    ("role", "subject", "status"),
    [
        (Role.STUDENT, "ada", 403),
        (Role.CI, "pipeline", 403),
        (Role.GRADER, "other", 404),
        (Role.GRADER, "prof", 202),
    ],
)
def test_only_who_grades_an_assignment_sends_batches_to_it(
    client: TestClient, role: Role, subject: str, status: int
) -> None:
    body = {"problem": problem_of_example()}
    assignment = client.post("/v1/assignments", json=body, headers=bearer(client)).json()["id"]
    headers = bearer(client, role, subject, "" if role is Role.GRADER else assignment)
    target = f"/v1/batches?assignment={assignment}"
    assert client.post(target, content=b"{}", headers=headers | NDJSON).status_code == status


def test_a_cancelled_batch_keeps_what_is_judged_and_judges_no_more(client: TestClient) -> None:
    headers = bearer(client)
    location = client.post("/v1/batches", content=RIGHT + b"\n{}", headers=headers | NDJSON).headers[
        "location"
    ]
    for _ in range(2):
        cancelled = client.delete(location, headers=headers).json()
        assert (cancelled["state"], cancelled["states"]["cancelled"]) == ("cancelled", 2)
    assert [row["state"] for row in reports(client, location, headers)] == ["cancelled"] * 2
    with client.stream("GET", f"{location}/events", headers=headers) as stream:
        assert next(stream.iter_lines()) == "event: finished"


def test_a_request_made_twice_with_a_key_makes_one_batch(client: TestClient) -> None:
    headers = bearer(client) | NDJSON | {"idempotency-key": "k1"}
    first, second = (client.post("/v1/batches", content=WRONG, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert (first.headers["location"], first.content) == (second.headers["location"], second.content)
    other = client.post("/v1/batches", content=RIGHT, headers=headers)
    assert other.status_code == 422
    assert "used for another request" in other.json()["detail"]
    stranger = bearer(client, Role.CI, "x") | NDJSON | {"idempotency-key": "k1"}
    assert client.post("/v1/batches", content=RIGHT, headers=stranger).status_code == 202


def test_a_key_whose_request_was_refused_can_be_used_again(client: TestClient) -> None:
    headers = bearer(client) | NDJSON | {"idempotency-key": "k2"}
    assert [client.post("/v1/batches", content=b"", headers=headers).status_code for _ in range(2)] == [
        422
    ] * 2
    assert client.post("/v1/batches", content=RIGHT, headers=headers).status_code == 202
    headers["idempotency-key"] = "x" * 201
    assert client.post("/v1/batches", content=RIGHT, headers=headers).status_code == 422


def raise_error(*_: object) -> None:
    raise RuntimeError  # as a process that is killed there leaves things


def test_a_request_whose_process_died_after_storing_gets_its_batch(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = bearer(client) | NDJSON | {"idempotency-key": "k3"}
    owned = len(client.get("/v1/batches", headers=headers).json())
    with monkeypatch.context() as patch:
        patch.setattr("api.storage.replies.SqlReplies.complete", raise_error)
        assert client.post("/v1/batches", content=WRONG, headers=headers).status_code == 500
    first, second = (client.post("/v1/batches", content=WRONG, headers=headers) for _ in range(2))
    assert first.status_code == 202
    assert first.headers["location"] == second.headers["location"]
    assert len(client.get("/v1/batches", headers=headers).json()) == owned + 1
    service = client.app.state.service  # type: ignore[attr-defined]
    monkeypatch.setattr(service, "now", lambda: utc_now() + timedelta(hours=25))
    later = client.post("/v1/batches", content=WRONG, headers=headers)
    assert later.headers["location"] != first.headers["location"]


def test_a_request_that_died_before_storing_blocks_its_key_for_a_minute(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = bearer(client) | NDJSON | {"idempotency-key": "k4"}
    with monkeypatch.context() as patch:
        patch.setattr("api.storage.batches.SqlBatches.add", raise_error)
        assert client.post("/v1/batches", content=WRONG, headers=headers).status_code == 500
    blocked = client.post("/v1/batches", content=WRONG, headers=headers)
    assert (blocked.status_code, blocked.headers["retry-after"]) == (409, "2")
    service = client.app.state.service  # type: ignore[attr-defined]
    monkeypatch.setattr(service, "now", lambda: utc_now() + timedelta(seconds=61))
    assert client.post("/v1/batches", content=WRONG, headers=headers).status_code == 202


@pytest.mark.parametrize(("total", "sizes"), [(1, {1}), (8, {1}), (9, {2, 1}), (100, {13, 9}), (1000, {20})])
def test_chunks_cover_a_batch_once_and_small_batches_are_shared_too(total: int, sizes: set[int]) -> None:
    chunks = chunks_of(StoredBatch("b", "grader:prof", None, total, utc_now()))
    covered = [index for chunk in chunks for index in range(chunk.first, chunk.last)]
    assert covered == list(range(total))
    assert {chunk.last - chunk.first for chunk in chunks} == sizes
    assert len({chunk.workflow for chunk in chunks}) == len(chunks)


def test_an_archive_of_another_kind_at_its_end_is_refused() -> None:
    content = zip_archive({"a.json": b"{}"})
    at = content.rfind(b"PK\x05\x06")
    with pytest.raises(ProblemError, match="zip64"):
        read_archive(content[:at] + b"PK\x06\x07" + bytes(16) + content[at:], 50, 100, 100, of_students=False)
