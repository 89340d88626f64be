"""The service keeps to its OpenAPI document, and answers what is malformed with its reason.

A slice of what `benchmarks/contract.py` and `benchmarks/hostility.py` ask in full.
"""

import socket
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from hypothesis import settings

from benchmarks.hostility import SETTINGS, input_kinds, send_all
from benchmarks.support.service import EXAMPLE, RunningService, request_json, running_service
from tests.api.conftest import Serve
from tests.without_torch import without_torch

ROLES = ("grader", *(pytest.param(role, marks=pytest.mark.nightly) for role in ("none", "ci", "student")))
EXAMPLES = max(1, settings.default.max_examples // 100)  # of each operation; its profile decides


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", without_torch(tmp_path_factory.mktemp("no_torch"))["PYTHONPATH"])
        with running_service(**SETTINGS) as service_client:
            yield service_client


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation")


def test_the_document_is_valid_openapi_3_1(client: TestClient) -> None:
    from schemathesis import openapi  # here, since every process that collects these tests would wait for it

    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    openapi.from_dict(document).validate()


@pytest.mark.parametrize("role", ROLES)
def test_every_answer_has_a_status_and_a_form_that_the_document_names(
    service: RunningService, role: str
) -> None:
    from benchmarks.contract import check_operations  # which needs schemathesis

    answers = check_operations(service, role, examples=EXAMPLES, pairs=EXAMPLES == 1)
    assert {status for _, status in answers} >= {200, 404, 422}


def test_every_malformed_request_is_answered_and_the_service_goes_on(
    service: RunningService,
) -> None:
    requests = 2 * EXAMPLES * len(input_kinds(service))
    outcomes = send_all(service, requests)
    assert len(outcomes) == requests
    assert [outcome for outcome in outcomes if outcome.fault] == []
    assert request_json(service.port, "POST", "/v1/checks", {}, EXAMPLE)[0] == 200
    assert "unexpected" not in service.log.read_text()


def test_a_body_that_breaks_off_leaves_the_service_well(service: RunningService) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(b"POST /v1/checks HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
    assert request_json(service.port, "POST", "/v1/checks", {}, EXAMPLE)[0] == 200
    assert "Traceback" not in service.log.read_text()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/checks", "POST"),
        ("PATCH", "/v1/assignments", "GET, POST"),
        ("POST", "/v1/assignments/x", "DELETE, GET, PATCH, PUT"),
        ("PUT", "/v1/assignments/x/submissions", "GET, POST"),
        ("POST", "/v1/reports/x", "GET"),
        ("POST", "/health/live", "GET"),
    ],
)
def test_a_method_that_there_is_not_is_told_all_that_there_are(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1", "/v1/checks/", "/nothing", "/v1/assignments/x/y", "/v1/examples/"])
def test_a_path_that_there_is_not_is_a_problem_document(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
