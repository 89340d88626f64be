"""The service about itself: catalogue, examples, health, OpenAPI, documentation."""

import re
from importlib.metadata import version
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.schemas.submissions import SubmissionDocument
from api.services.checks import all_agree
from api.settings import Settings
from tests.api.conftest import Serve
from verifier.cli.catalogue import catalogue
from verifier.engine.operations import OPERATIONS
from verifier.examples.gallery import GALLERY
from verifier.examples.layers import EXAMPLES
from verifier.examples.named import list_examples, load_example


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve()


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        names = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return names.union(*(references(value) for value in node.values()))
    return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()


def test_the_version_is_the_packages(client: TestClient) -> None:
    document = client.get("/version").json()
    assert document == {"name": "gradjury", "version": version("gradjury"), "report": "gradjury.report/1"}


def test_the_catalogue_is_the_verifiers_own(client: TestClient) -> None:
    assert client.get("/v1/catalogue").json() == catalogue()


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_an_example_can_be_posted_back(client: TestClient, name: str) -> None:
    report = client.post("/v1/checks", json=client.get(f"/v1/examples/{name}").json()).json()
    assert report["verdict"] == ("incorrect" if name == "wrong-layer" else "correct")


def test_the_gallery_is_among_the_examples(client: TestClient) -> None:
    names = [row["name"] for row in client.get("/v1/catalogue").json()["examples"]]
    assert {f"gallery/{name}" for name in GALLERY} < set(names)
    document = client.get("/v1/examples/gallery/scikit-learn").json()
    report = client.post("/v1/checks", json=document).json()
    assert [row["bug"] for row in report["diagnosis"]] == ["output-count-factor"]
    unknown = client.get("/v1/examples/gallery/nothing")
    assert unknown.status_code == 404
    assert "gallery/scikit-learn" in unknown.json()["detail"]


def test_it_is_live_and_ready_when_every_oracle_agrees(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    ready = client.get("/health/ready")
    assert ready.status_code == 200
    assert set(ready.json()["oracles"].values()) == {True}


@pytest.mark.parametrize(
    ("oracles", "named", "well"),
    [
        ({"backpropagation": True, "autograd": None}, (), True),
        ({"backpropagation": True, "autograd": None}, ("backpropagation", "autograd"), False),
        ({"backpropagation": True, "autograd": False}, (), False),
        ({"backpropagation": None, "autograd": True}, (), False),
        ({"autograd": None}, (), False),
        ({"backpropagation": True, "forward_mode": None}, ("backpropagation", "forward_mode"), True),
        ({"forward_mode": None}, ("forward_mode",), False),
        ({}, (), False),
    ],
)
def test_an_oracle_without_its_package_matters_only_if_it_was_named(
    oracles: dict[str, bool | None], named: tuple[str, ...], well: bool
) -> None:
    assert all_agree(oracles, named) is well


def test_the_openapi_document_resolves_every_reference_of_a_submission(
    client: TestClient,
) -> None:
    document = client.get("/openapi.json").json()
    body = document["paths"]["/v1/checks"]["post"]["requestBody"]["content"]
    assert set(body) >= {"application/json", "application/x-npz", "application/x-safetensors"}
    assert body["application/json"]["schema"] == {"$ref": "#/components/schemas/SubmissionDocument"}
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


@pytest.mark.parametrize("name", list_examples())
def test_the_openapi_document_describes_every_submission_that_is_offered(name: str) -> None:
    example = load_example(name)
    described = SubmissionDocument.model_validate(example)
    assert set(described.model_dump(exclude_unset=True)) == set(example)


def test_the_openapi_document_knows_every_operation_and_option_of_graphs(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()["components"]["schemas"]["NodeDocument"]
    assert schema["properties"]["op"]["enum"] == list(OPERATIONS)
    options = {option for operation in OPERATIONS.values() for option in operation.options}
    assert set(schema["properties"]) == {"name", "op", "args"} | options


def test_the_documentation_page_needs_no_other_host(client: TestClient) -> None:
    page = client.get("/docs").text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert assets
    assert all(client.get(asset).status_code == 200 for asset in assets)
    assert "http" not in "".join(assets)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADJURY_LARGEST_BODY", "10")
    monkeypatch.setenv("GRADJURY_ORACLES", "backpropagation, autograd")
    settings = Settings()
    assert settings.largest_body == 10
    assert settings.oracle_names == ("backpropagation", "autograd")
