"""POST /v1/checks: statuses, media types, limits, problem documents."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import Serve
from verifier.documents.files import write_document
from verifier.examples.layers import example_document


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation", largest_body=200_000)


JSON = {"content-type": "application/json"}
NPZ = write_document(example_document("wrong-layer"), "npz")
SAFETENSORS = write_document(example_document("wrong-layer"), "safetensors")
BODY = write_document(example_document("wrong-layer"), "json")


def problem_of(answer: Any) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert set(document) - {"errors"} == {"type", "title", "status", "detail"}
    assert document["status"] == answer.status_code
    return document


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/plain", "text/plain"),
        ("text/markdown, application/json;q=0.5", "text/markdown"),
        ("image/png;q=0.9, application/json;q=0.1", "application/json"),
        ("text/*", "text/plain"),
        ("TEXT/PLAIN ; q=0.2", "text/plain"),
        ("application/json;q=0, text/plain;q=0.1", "text/plain"),
    ],
)
def test_the_accept_header_chooses_the_form(client: TestClient, accept: str | None, media_type: str) -> None:
    answer = client.post("/v1/checks", content=BODY, headers=JSON | ({"accept": accept} if accept else {}))
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == media_type
    assert "incorrect" in answer.text


def test_a_form_that_cannot_be_had_is_406(client: TestClient) -> None:
    answer = client.post("/v1/checks", content=BODY, headers=JSON | {"accept": "image/png"})
    assert "text/markdown" in problem_of(answer)["detail"]
    assert answer.status_code == 406


@pytest.mark.parametrize(
    ("body", "content_type", "status", "word"),
    [
        (b"{", "application/json", 400, "line 1"),
        (b"", "application/json", 400, ""),
        (b"\xff\xfe", "application/json", 400, ""),
        (b"[" * 100_000, "application/json", 400, "nested"),
        (b"1" * 5000, "application/json", 400, "digits"),
        (b"[]", "application/json", 422, "object"),
        (b'{"a": 1, "a": 2}', "application/json", 422, "more than once"),
        (b"PK\x03\x04 not really", "application/x-npz", 400, "damaged"),
        (b"\xff" * 100, "application/x-safetensors", 400, "header"),
        (BODY, "application/x-npz", 400, "declare it as json"),
        (NPZ, "application/json", 400, "declare it as npz"),
        (SAFETENSORS, "application/json", 400, "declare it as safetensors"),
        (SAFETENSORS, "application/x-npz", 400, "declare it as safetensors"),
        (b"%PDF-1.4", "application/json", 400, "line 1"),
        (b"cos\nsystem\n(S'true'\ntR.", "application/x-pickle", 415, "application/x-npz"),
        (b"cos\nsystem\n(S'true'\ntR.", "application/octet-stream", 400, "a safetensors file"),
        (BODY, "text/plain", 415, "application/json"),
        (b"x", "multipart/form-data", 400, "boundary"),
        (b" " * 200_001, "application/json", 413, "200000 bytes"),
    ],
)
def test_what_cannot_be_read_is_a_problem_document(
    client: TestClient, body: bytes, content_type: str, status: int, word: str
) -> None:
    answer = client.post("/v1/checks", content=body, headers={"content-type": content_type})
    assert answer.status_code == status
    assert word in json.dumps(problem_of(answer))


def test_a_body_without_a_declared_length_is_bounded_too(client: TestClient) -> None:
    answer = client.post("/v1/checks", content=iter([b" " * 50_000] * 5), headers=JSON)
    assert answer.status_code == 413


def test_a_malformed_submission_lists_every_mistake_with_its_pointer(client: TestClient) -> None:
    document = example_document("sigmoid-mse")
    document["targets"] = "none"
    document["parameters"]["layers.0.bias"][2] = "0.5"
    document["gradients"]["layers.7/weight"] = [[1.0]]
    answer = client.post("/v1/checks", json=document)
    assert answer.status_code == 422
    errors = {error["pointer"]: error["detail"] for error in problem_of(answer)["errors"]}
    assert set(errors) == {"/targets", "/parameters/layers.0.bias/2", "/gradients/layers.7~1weight"}
    assert "write numbers without quotes" in errors["/parameters/layers.0.bias/2"]


def test_numbers_that_were_submitted_are_not_echoed_in_errors(client: TestClient) -> None:
    document = example_document("sigmoid-mse")
    document["parameters"]["layers.0.bias"] = [0.123456789, 0.987654321]
    answer = client.post("/v1/checks", json=document)
    assert answer.status_code == 422
    assert "0.123456" not in answer.text


def test_whole_arrays_come_on_request(client: TestClient) -> None:
    document = example_document("pytorch")
    report = client.post("/v1/checks?entries=all", json=document).json()
    for parameter in report["parameters"]:
        entries = parameter["entries"]
        assert entries["submitted"] == document["gradients"][parameter["name"]]
        assert set(entries) == {"expected", "submitted", "difference", "tolerance"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/checks", 405),
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/examples/nothing", 404),
        ("POST", "/v1/checks?entries=some", 422),
    ],
)
def test_every_other_error_is_a_problem_document_too(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path, content=BODY if method == "POST" else None, headers=JSON)
    assert answer.status_code == status
    assert problem_of(answer)["detail"]


def test_an_error_of_the_service_is_a_problem_document_without_detail(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_error(*_: object, **__: object) -> None:
        raise RuntimeError("secret 0.123")

    monkeypatch.setattr("api.routes.checks.judge", raise_error)
    answer = client.post("/v1/checks", content=BODY, headers=JSON)
    assert answer.status_code == 500
    assert "secret" not in json.dumps(problem_of(answer))


@pytest.mark.parametrize(("tolerance", "verdict"), [("", "correct"), ("strict", "incorrect")])
def test_the_services_tolerance_replaces_the_documents(serve: Serve, tolerance: str, verdict: str) -> None:
    document = example_document("sigmoid-mse") | {"tolerance": {"rtol": 0.1}}
    document["gradients"]["layers.1.bias"] = [
        1.001 * value for value in document["gradients"]["layers.1.bias"]
    ]
    answer = serve(oracles="backpropagation", tolerance=tolerance).post("/v1/checks", json=document)
    assert answer.json()["verdict"] == verdict


@pytest.mark.parametrize(
    ("method", "path", "detail"),
    [
        ("GET", "/v1/checks", "expected the method POST, got GET; see /docs"),
        ("POST", "/v1/check", "no such address; /docs lists them all"),
    ],
)
def test_a_wrong_address_or_method_is_answered_with_a_remedy(
    client: TestClient, method: str, path: str, detail: str
) -> None:
    assert problem_of(client.request(method, path))["detail"] == detail
