"""The clients for Python: every method against a service, retries, keys, and errors as exceptions."""

import asyncio
import inspect
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient

import gradjury
from api.storage.records import Role
from gradjury import AsyncClient, Client, ServiceError
from gradjury.client import errors, transport
from tests.api.clients import RIGHT, WRONG, problem_of
from tests.gradjury.client.conftest import ClientOf
from verifier.documents.files import write_document

ASSIGNMENT = {"title": "Homework 1", "points": 10, "problem": problem_of(WRONG)}
GRADIENTS = {name: np.array(value) for name, value in WRONG["gradients"].items()}
URL = "http://service.test"


@pytest.fixture(scope="module")
def grader(client_of: ClientOf) -> Client:
    return client_of(Role.GRADER, "prof")


@pytest.fixture(scope="module")
def homework(grader: Client) -> str:
    return grader.create_assignment(ASSIGNMENT).id


def test_a_check_gives_the_report_that_verify_gives(grader: Client, tmp_path: Any) -> None:
    report = grader.check(WRONG)
    assert isinstance(report, gradjury.Report)
    expected = gradjury.verify(WRONG, oracles=["backpropagation"])
    assert report.to_dict() | {"seconds": 0} == expected.to_dict() | {"seconds": 0}
    assert grader.check(RIGHT, entries="all").parameters["layers.0.bias"].entries is not None
    assert grader.check(WRONG, audience="student").diagnosis[0].bug == ""
    (tmp_path / "submission.json").write_bytes(write_document(RIGHT, "json"))
    assert grader.check(tmp_path / "submission.json")


def test_an_assignment_is_created_listed_read_and_replaced(grader: Client) -> None:
    made = grader.create_assignment(ASSIGNMENT | {"closes": "2030-01-01T00:00:00+01:00"})
    assert (made.title, made.revision, made.points, made.owner) == ("Homework 1", 1, 10.0, "prof")
    assert made.closes == datetime.fromisoformat("2030-01-01T00:00:00+01:00")
    assert made.notice is not None  # checks are open
    assert made.id in [row.id for row in grader.assignments()]
    changed = grader.replace_assignment(made.id, ASSIGNMENT | {"title": "Homework 2"})
    assert (changed.revision, grader.assignment(changed).title) == (2, "Homework 2")
    assert made.problem["network"] == WRONG["network"]


def test_an_assignment_is_edited_closed_reopened_copied_and_deleted(grader: Client) -> None:
    made = grader.create_assignment(ASSIGNMENT)
    edited = grader.edit_assignment(made, {"attempts": 3, "title": "Later"})
    assert (edited.attempts, edited.title, edited.points) == (3, "Later", 10.0)
    assert grader.replace_assignment(edited, edited.document).attempts == 3  # what is read can be put back
    assert grader.close_assignment(made).state == "closed"
    assert grader.reopen_assignment(made).state == "open"
    copied = grader.copy_assignment(made, {"title": "Again"})
    assert (copied.title, copied.attempts) == ("Again", 3)
    assert [row.state for row in grader.replace_roster(made, {"ada": "4711", "bob": None})] == ["silent"] * 2
    grader.submit(made, GRADIENTS, student="ada")
    ada, bob = grader.roster(made)
    assert (ada.lms_id, ada.state, ada.earned, bob.lms_id, bob.verdict) == ("4711", "judged", 7.5, None, None)
    assert grader.overview(made).silent == ["bob"]
    assert grader.export_student(made, "ada").startswith(b"PK")
    with pytest.raises(errors.ConflictError, match="handed in"):
        grader.delete_assignment(made)
    grader.delete_student(made, "ada")
    grader.delete_assignment(made, with_submissions=True)
    assert made.id not in [row.id for row in grader.assignments()]


def test_gradients_are_submitted_and_seen_by_both(
    grader: Client, homework: str, client_of: ClientOf, tmp_path: Any
) -> None:
    ada = client_of(Role.STUDENT, "ada", homework)
    receipt = ada.submit(homework, GRADIENTS)
    assert receipt.report is not None
    assert not receipt.report
    assert receipt.report.parameters["layers.1.weight"].verdict == "incorrect"
    np.savez(tmp_path / "grads.npz", **GRADIENTS)
    again = ada.submit(homework, tmp_path / "grads.npz")
    assert again.id != receipt.id
    first, second = ada.submissions(homework)
    assert (first.id, first.attempt, second.attempt, first.earned) == (receipt.id, 1, 2, 7.5)
    assert first.report == receipt.report_id
    assert first.report is not None
    assert ada.report(first.report).to_dict() == receipt.report.to_dict()
    assert grader.report(first.report).diagnosis[0].bug == "preactivation-as-input"
    assert grader.signed_report(first.report).count(".") == 2  # header, payload and signature
    assert grader.keys()["keys"][0]["kty"] == "OKP"
    of_class = grader.submit(homework, GRADIENTS | {"reported_loss": 1.0}, student="grace")
    assert of_class.report is not None
    assert of_class.report.loss.reported == 1.0
    overview = grader.overview(homework)
    assert (overview.students, overview.submissions) == (2, 3)
    assert overview.bugs[0]["bug"] == "preactivation-as-input"
    assert [row["student"] for row in grader.grades(homework, counts="best").rows] == ["ada", "grace"]


def test_a_receipt_says_nothing_where_students_see_nothing(grader: Client, client_of: ClientOf) -> None:
    hidden = grader.create_assignment(ASSIGNMENT | {"students_see": []})
    receipt = client_of(Role.STUDENT, "ada", hidden.id).submit(hidden, GRADIENTS)
    assert (receipt.report, receipt.report_id) == (None, None)
    assert grader.submissions(hidden)[0].id == receipt.id


def test_every_mistake_is_in_the_exception(grader: Client, homework: str, client_of: ClientOf) -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        grader.submit(homework, {"layers.0.weight": np.zeros((2, 2)), "w": np.zeros(1)}, student="ada")
    error = caught.value
    assert (error.status, len(error.errors)) == (422, 2)
    shape = next(row for row in error.errors if "layers.0.weight" in row.pointer)
    assert (shape.pointer, shape.expected) == ("/gradients/layers.0.weight", "shape (3, 4)")
    assert shape.actual == "(2, 2)"
    assert str(shape) in str(error)
    assert error.request_id
    ada = client_of(Role.STUDENT, "ada", homework)
    stranger = Client("http://testserver", "gradjury_x_y", transport=grader_transport(grader))
    for call, kind in (
        (lambda: ada.grades(homework), errors.PermissionDeniedError),
        (lambda: ada.assignment("0" * 32), errors.NotFoundError),
        (lambda: stranger.assignments(), errors.AuthenticationError),
    ):
        with pytest.raises(kind):
            call()


def grader_transport(client: Client) -> httpx2.BaseTransport:
    return client._http._transport


def test_a_request_that_is_sent_again_creates_nothing_twice(
    service: TestClient, grader: Client, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_FIRST_PAUSE", 0)
    lossy = LossyTransport(service._transport)
    hasty = Client("http://testserver", grader._token, transport=lossy)
    before = len(grader.assignments())
    made = hasty.create_assignment(ASSIGNMENT | {"attempts": 1, "title": "Once"})
    assert [row.title for row in grader.assignments()].count("Once") == 1
    assert len(grader.assignments()) == before + 1
    assert hasty.copy_assignment(made).title == "Once (copy)"
    assert len(grader.assignments()) == before + 2
    ada = client_of(Role.STUDENT, "ada", made.id)
    hasty = Client("http://testserver", ada._token, transport=lossy)
    receipt = hasty.submit(made, GRADIENTS)  # its only attempt
    assert [row.id for row in ada.submissions(made)] == [receipt.id]
    assert receipt.report is not None
    assert receipt.report.verdict == "incorrect"
    assert lossy.lost == 3
    key = lossy.keys[-1]
    other = ada._http.post(
        f"/v1/assignments/{made.id}/submissions", json={"gradients": {}}, headers={"idempotency-key": key}
    )
    assert other.status_code == 422
    with pytest.raises(errors.ConflictError):
        ada.submit(made, GRADIENTS)


class LossyTransport(httpx2.BaseTransport):
    """The answer to the first request of each key is lost."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self.inner, self.lost, self.keys = inner, 0, list[str]()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = self.inner.handle_request(request)
        key = request.headers.get("idempotency-key", "")
        if key in self.keys:
            return response
        self.keys.append(key)
        self.lost += 1
        raise httpx2.ReadError("the connection broke", request=request)


def answers(*statuses: int | type[Exception], **headers: str) -> tuple[httpx2.MockTransport, list[int]]:
    """Return a transport that answers with these, in order, and the list of what it was asked."""
    waiting: Iterator[int | type[Exception]] = iter(statuses)
    seen: list[int] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        status = next(waiting)
        seen.append(len(seen))
        if isinstance(status, int):
            return httpx2.Response(status, json=[], headers=headers)
        raise status("no answer")

    return httpx2.MockTransport(handle), seen


RETRIED: Sequence[tuple[Any, dict[str, str], Any]] = [
    ((httpx2.ConnectError, 503, 200), {}, []),
    ((429, 200), {"retry-after": "0"}, []),
    ((409, 200), {"retry-after": "0"}, []),
    ((409,), {}, errors.ConflictError),
    ((429,), {"retry-after": "3600"}, errors.RateLimitError),
    ((500,), {}, errors.UnavailableError),
    ((503,) * 3, {}, errors.UnavailableError),
    ((httpx2.ReadTimeout,) * 3, {}, errors.UnreachableError),
    ((307,), {"location": "https://elsewhere.test/"}, ServiceError),
    ((404,), {}, errors.NotFoundError),
]


@pytest.mark.parametrize(("statuses", "headers", "outcome"), RETRIED)
def test_requests_are_sent_again_where_nothing_was_done(
    statuses: Any, headers: dict[str, str], outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_FIRST_PAUSE", 0)
    network, seen = answers(*statuses, **headers)
    client = Client(URL, "t", retries=2, transport=network)
    if outcome == []:
        assert client.assignments() == []
    else:
        with pytest.raises(ServiceError) as caught:
            client.assignments()
        assert type(caught.value) is outcome
    assert len(seen) == len(statuses)


def test_the_async_client_has_every_method_and_does_the_same(
    service: TestClient, grader: Client, homework: str
) -> None:
    def methods(kind: type) -> dict[str, Any]:
        return {
            name: inspect.signature(member)
            for name, member in vars(kind).items()
            if not name.startswith("_") and callable(member)
        }

    assert methods(Client) == methods(AsyncClient)

    async def ask() -> Any:
        network = httpx2.ASGITransport(service.app)
        async with AsyncClient("http://testserver", grader._token, transport=network) as client:
            with pytest.raises(errors.NotFoundError):
                await client.report("0" * 32)
            return await client.assignment(homework)

    assert asyncio.run(ask()) == grader.assignment(homework)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x", "http://", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected the address of a service"):
        Client(url, "t")


def test_a_client_without_a_service_says_how_to_name_one() -> None:
    with pytest.raises(ValueError, match="gradjury login URL"):
        Client()
