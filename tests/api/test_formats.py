"""POST /v1/checks answers in the form that Accept asks for, and to students what they may see."""

import json
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import Serve
from verifier.documents.files import write_document
from verifier.examples.layers import example_document

BODY = write_document(example_document("wrong-layer"), "json")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation,finite_differences")


def post(client: TestClient, accept: str, query: str = ""):
    headers = {"content-type": "application/json", "accept": accept}
    answer = client.post(f"/v1/checks{query}", content=BODY, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize(
    ("accept", "media_type", "begins"),
    [
        ("application/json", "application/json", '{"schema"'),
        ("*/*", "application/json", '{"schema"'),
        ("application/*", "application/json", '{"schema"'),
        ("text/html", "text/html", "<!doctype html>"),
        (BROWSER, "text/html", "<!doctype html>"),
        ("text/markdown", "text/markdown", "## wrong"),
        ("text/plain", "text/plain", "wrong-layer: incorrect"),
        ("text/*", "text/plain", "wrong-layer: incorrect"),
        ("text/csv", "text/csv", "source,name"),
        ("application/xml", "application/xml", "<?xml"),
        ("application/junit+xml", "application/junit+xml", "<?xml"),
        ("application/sarif+json", "application/sarif+json", '{"$schema"'),
    ],
)
def test_accept_chooses_the_format(client: TestClient, accept: str, media_type: str, begins: str) -> None:
    answer = post(client, accept)
    assert answer.headers["content-type"].split(";")[0] == media_type
    assert answer.text.startswith(begins)


@pytest.mark.parametrize(
    "accept", ["application/json", "text/html", "text/markdown", "text/plain", "text/csv", "application/xml",
               "application/sarif+json"],
)  # fmt: skip
def test_students_get_verdicts_and_hints_alone(client: TestClient, accept: str) -> None:
    text = post(client, accept, "?audience=student&entries=all").text.replace("\\", "")
    full = post(client, accept).text.replace("\\", "")  # Markdown escapes hyphens
    assert "preactivation-as-input" in full
    assert "preactivation-as-input" not in text
    for word in ("expected -", "0.63", "1.29", "autograd", "finite_differences", "seconds"):
        assert word not in text


def test_a_page_has_figures_of_whole_arrays_but_a_students_has_none(client: TestClient) -> None:
    assert post(client, "text/html").text.count('<figure data-figure="heatmap">') == 4
    assert "<figure data-figure=" not in post(client, "text/html", "?audience=student&entries=all").text
    assert "entries" not in post(client, "application/json").json()["parameters"][0]


def test_an_audience_that_is_none_is_refused(client: TestClient) -> None:
    answer = client.post(
        "/v1/checks?audience=teacher", content=BODY, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_junit_of_one_submission_names_it(client: TestClient) -> None:
    root = ElementTree.fromstring(post(client, "application/junit+xml").text)
    assert root.find("testsuite").get("name") == "wrong-layer"


def test_the_description_lists_every_form_and_the_audience(client: TestClient) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/v1/checks"]["post"]
    forms = operation["responses"]["200"]["content"]
    assert {"text/html", "application/sarif+json", "application/junit+xml", "text/csv"} <= forms.keys()
    assert "audience" in json.dumps(operation["parameters"])
