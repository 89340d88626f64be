"""Generators of clients read the whole OpenAPI document: no endpoint and no schema is left out."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from api.storage.records import Role
from tests.acceptance.server import running_service
from tests.api.clients import WRONG, person
from tests.api.conftest import Serve
from verifier.documents.files import write_document
from verifier.documents.json import to_json

METHODS = ("get", "put", "post", "delete", "patch")
READ_BY_GENERATORS = re.compile(r"application/(.*\+)?json|multipart/form-data|application/octet-stream")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings(database_url="sqlite://")).openapi()


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from (operation for method, operation in item.items() if method in METHODS)


def references(schema: Any) -> set[str]:
    return set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schema)))


def test_no_schema_refers_to_itself(document: dict[str, Any]) -> None:
    direct = {name: references(schema) for name, schema in document["components"]["schemas"].items()}
    for name in direct:
        reached, waiting = set[str](), list(direct[name])
        while waiting:
            each = waiting.pop()
            if each not in reached:
                reached.add(each)
                waiting += direct[each]
        assert name not in reached


def test_every_body_has_a_type_that_generators_read_and_json_comes_first(document: dict[str, Any]) -> None:
    for operation in operations(document):
        types = list(operation.get("requestBody", {}).get("content", ()))
        assert not types or any(READ_BY_GENERATORS.fullmatch(each) for each in types), operation
        for response in operation["responses"].values():
            content = list(response.get("content", ()))
            assert "application/json" not in content[1:]


def test_binary_bodies_are_told_apart_by_their_first_bytes(serve: Serve) -> None:
    client: TestClient = serve(oracles="backpropagation")
    headers = {"content-type": "application/octet-stream"}
    for format_name in ("json", "npz", "safetensors"):
        answer = client.post("/v1/checks", content=write_document(WRONG, format_name), headers=headers)
        assert answer.json()["verdict"] == "incorrect"
    ci = person(client, Role.CI, "nightly").headers | headers
    line = to_json(WRONG).encode()
    assert client.post("/v1/batches", content=line, headers=ci).json()["total"] == 1
    assert client.post("/v1/batches", content=b"PK broken", headers=ci).status_code == 400


PROGRAM = """
import json, sys
from grad_jury_client import AuthenticatedClient
from grad_jury_client.api.assignments import create_assignment
from grad_jury_client.api.reports import read_report
from grad_jury_client.api.submissions import submit
from grad_jury_client.models import AssignmentDocument, GradientsDocument

url, token, assignment, gradients = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token)
made = create_assignment.sync(client=client, body=AssignmentDocument.from_dict(json.loads(assignment)))
body = GradientsDocument.from_dict({"gradients": json.loads(gradients)})
answer = submit.sync_detailed(made.id, client=client, body=body, student="ada")
report = read_report.sync(answer.headers["location"].rpartition("/")[2], client=client)
print(answer.parsed.verdict, report.verdict, report.diagnosis[0].bug)
"""


@pytest.mark.nightly
def test_a_generated_client_submits_and_reads_a_report(document: dict[str, Any], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    programs = tmp_path / "venv" / "bin"
    subprocess.run([programs / "pip", "install", "--quiet", "openapi-python-client"], check=True)
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    generate = [
        programs / "openapi-python-client",
        "generate",
        "--path",
        "openapi.json",
        "--output-path",
        "out",
    ]
    printed = subprocess.run(generate, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "will not be generated" not in printed.stdout + printed.stderr
    assert "removal" not in printed.stdout + printed.stderr
    generated = {path.stem for path in (tmp_path / "out" / "grad_jury_client" / "api").glob("*/*.py")}
    assert {operation["operationId"] for operation in operations(document)} <= generated
    from tests.docs.shell import environment, gradjury

    variables = environment(GRADJURY_DATABASE_URL=f"sqlite:///{tmp_path / 'gradjury.sqlite'}")
    with running_service(tmp_path, variables) as url:
        token = gradjury(variables, "token", "create", "--role", "grader", "--subject", "prof")
        problem = {name: value for name, value in WRONG.items() if name != "gradients"}
        arguments = [url, token, to_json({"problem": problem}), to_json(WRONG["gradients"])]
        run = [programs / "python", "-c", PROGRAM, *arguments]
        answer = subprocess.run(run, cwd=tmp_path / "out", capture_output=True, text=True)
    assert answer.stdout == "incorrect incorrect preactivation-as-input\n", answer.stderr
