"""Operation of the service: readiness, metrics, a log without content, signed reports."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from api.command_line import cli
from api.signing import Signer, UnverifiedError, verify_signature
from api.storage.records import Role
from tests.api.clients import WRONG, Person, assignment_by, person, service_of
from tests.api.conftest import Serve


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation,finite_differences", answer_grid=0)


@pytest.fixture(scope="module")
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


@pytest.fixture(scope="module")
def report(client: TestClient, grader: Person) -> str:
    hw = assignment_by(grader, title="Homework 1")
    answer = grader.post(f"/v1/assignments/{hw}/submissions?student=ada", {"gradients": WRONG["gradients"]})
    return str(answer.headers["location"])


def metric(client: TestClient, sample: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(sample))


def test_readiness_asks_the_oracles_and_the_storage(client: TestClient) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "storage": True,
        "oracles": {"backpropagation": True, "finite_differences": True},
    }


def test_verdicts_bugs_and_requests_are_counted_and_no_names(client: TestClient, grader: Person) -> None:
    before = metric(client, 'gradjury_bugs_total{bug="preactivation-as-input"}')
    client.post("/v1/checks", json=WRONG)
    client.post("/v1/checks", json={})
    assert metric(client, 'gradjury_bugs_total{bug="preactivation-as-input"}') == before + 1
    assert metric(client, 'gradjury_verdicts_total{verdict="incorrect"}') >= 1
    assert metric(client, 'gradjury_refusals_total{reason="malformed"}') >= 1
    text = client.get("/metrics").text
    assert 'route="/v1/checks",status="422"' in text.replace('method="POST",', "")
    assert "ada" not in text


def test_a_request_keeps_its_id_and_a_line_in_the_log_without_its_content(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = WRONG | {"name": "sesame", "reported_loss": 0.123456789}
    answer = client.post("/v1/checks?entries=all", json=secret, headers={"x-request-id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("request_id") == "abc-1"]
    assert (line["route"], line["method"], line["status"]) == ("/v1/checks", "POST", 200)
    assert "sesame" not in str(lines)
    assert "0.1234" not in str(lines)


def test_the_log_says_whose_token_it_was_by_its_id(
    client: TestClient, grader: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, headers in (
        ("/v1/assignments", grader.headers),
        ("/assignments", {"cookie": f"gradjury-token={grader.headers['authorization'].split()[1]}"}),
        ("/v1/catalogue", {}),
    ):
        client.get(path, headers=headers)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    token = grader.headers["authorization"].split("_")[1]
    assert [line["token"] for line in lines] == [token, token, None]


@pytest.mark.parametrize("sent", ["two words", "a" * 65, "semi;colon", ""])
def test_an_id_that_is_no_plain_word_is_replaced(client: TestClient, sent: str) -> None:
    assert client.get("/health/live", headers={"x-request-id": sent}).headers["x-request-id"] != sent


def test_a_signed_report_is_checked_offline(
    client: TestClient, grader: Person, report: str, tmp_path: Path
) -> None:
    signed, keys, output = tmp_path / "report.jws", tmp_path / "keys.json", tmp_path / "report.json"
    signed.write_bytes(grader.get(report, accept="application/jose").content)
    keys.write_bytes(client.get("/.well-known/jwks.json").content)
    run = CliRunner().invoke(
        cli.app, ["verify-report", str(signed), "--keys", str(keys), "--output", str(output)]
    )
    assert run.exit_code == 0, run.output
    assert "Homework 1, incorrect" in run.stdout
    assert f"report: {report.removeprefix('/v1/reports/')}" in run.stdout
    assert output.read_bytes().strip() == grader.get(report).content.strip()


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        (lambda jws: jws[:-6] + b"AAAAAA", 1, "does not hold"),
        (lambda jws: jws.replace(b".", b"", 1), 1, "does not hold"),
        (lambda jws: b"", 1, "does not hold"),
        (lambda jws: Signer(bytes(32)).sign(b"{}", {}), 1, "does not hold the key"),
    ],
)
def test_a_report_that_was_changed_is_told(
    client: TestClient, grader: Person, report: str, tmp_path: Path, change, status: int, message: str
) -> None:
    signed, keys = tmp_path / "report.jws", tmp_path / "keys.json"
    signed.write_bytes(change(grader.get(report, accept="application/jose").content))
    keys.write_bytes(client.get("/.well-known/jwks.json").content)
    run = CliRunner().invoke(cli.app, ["verify-report", str(signed), "--keys", str(keys)])
    assert run.exit_code == status
    assert message in run.stderr


def test_an_unsigned_algorithm_proves_nothing(client: TestClient) -> None:
    forged = b"eyJhbGciOiJub25lIn0.e30."  # {"alg": "none"}
    with pytest.raises(UnverifiedError):
        verify_signature(forged, client.get("/.well-known/jwks.json").json())


def test_all_processes_sign_with_one_key(client: TestClient) -> None:
    service = service_of(client)
    assert service.signer().key_set() == service.signer().key_set()
