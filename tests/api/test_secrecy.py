"""Secrecy of submissions: none of their numbers stands in the errors of a response, or in a log."""

import json
import logging
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import Serve
from tests.api.test_access import SUBMISSION, prepare_service
from tests.pairwise import check_rows
from verifier.documents.files import write_document
from verifier.examples.layers import example_document

CANARY = 0.7318642957
NEGATIVE = -4.81516e-05
FIELDS = (
    "/name", "/network", "/network/layers", "/network/layers/0/in", "/network/layers/0/activation",
    "/network/layers/0/bias", "/network/weights", "/loss", "/parameters", "/parameters/layers.0.weight",
    "/inputs", "/targets", "/gradients", "/gradients/layers.1.bias", "/precision", "/reported_loss",
    "/tolerance", "/masks",
)  # fmt: skip
FORMS: dict[str, Any] = {
    "number": CANARY,
    "negative": NEGATIVE,
    "list": [CANARY, "x"],
    "ragged": [[CANARY], [CANARY, CANARY]],
    "deep": [[[[CANARY]]]],
    "string": str(CANARY),
    "object": {"name": CANARY, "rtol": NEGATIVE, "l2": {"strength": NEGATIVE}},
}


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation")


def with_value(pointer: str, value: Any) -> dict[str, Any]:
    document = example_document("wrong-layer")
    *way, last = pointer.split("/")[1:]
    place: Any = document
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    place[last] = value
    return document


def reveals_numbers(text: str) -> bool:
    """True if a text holds one of the numbers to three digits or more; fewer may be a duration in a log."""
    return bool(re.search(r"0\.731[89]|0\.732\b|731864|4\.815|4\.82e|481516", text))


@pytest.mark.parametrize("form", FORMS)
def test_no_error_echoes_a_number_and_no_log_holds_one(
    client: TestClient, caplog: pytest.LogCaptureFixture, form: str
) -> None:
    caplog.set_level(logging.DEBUG)

    def check(field: str) -> None:
        caplog.clear()
        answer = client.post("/v1/checks", json=with_value(field, FORMS[form]))
        if answer.status_code != 200:  # a report may tell what it reports on
            assert not reveals_numbers(answer.text), answer.text
        assert not reveals_numbers(caplog.text)

    check_rows(check, FIELDS)


@pytest.mark.parametrize("name", ["json", "npz", "safetensors"])
def test_a_file_cut_short_is_not_echoed(
    client: TestClient, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    content = write_document(with_value("/inputs", [[CANARY] * 3] * 6), name)
    kind = {"json": "application/json"}.get(name, f"application/x-{name}")
    for length in range(1, len(content), 61):
        answer = client.post("/v1/checks", content=content[:length], headers={"content-type": kind})
        assert answer.status_code in (400, 422)
        assert not reveals_numbers(answer.text)
    assert not reveals_numbers(caplog.text)


def test_the_log_of_judging_holds_neither_numbers_nor_tokens(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    prepared = prepare_service(serve(oracles="backpropagation"))
    caplog.set_level(logging.DEBUG)
    path = f"/v1/assignments/{prepared.ids['homework']}/submissions"
    uploaded = json.loads(json.dumps(SUBMISSION))
    uploaded["gradients"]["layers.1.bias"] = [CANARY, NEGATIVE]
    made = prepared.client.post(path, json=uploaded, headers=prepared.headers["student"])
    assert made.status_code == 201
    assert not reveals_numbers(caplog.text)
    assert prepared.headers["student"]["authorization"].split("_", 2)[2] not in caplog.text


def test_an_error_of_the_service_logs_no_numbers(
    client: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_error(*_: object, **__: object) -> None:
        raise RuntimeError(f"could not convert {CANARY}")

    monkeypatch.setattr("api.routes.checks.judge", raise_error)
    raising = TestClient(client.app)  # would raise here what a server would log whole
    answer = raising.post("/v1/checks", json=example_document("pytorch"))
    assert answer.status_code == 500
    assert not reveals_numbers(caplog.text + answer.text)
    assert "unexpected RuntimeError while answering '/v1/checks'" in caplog.text
