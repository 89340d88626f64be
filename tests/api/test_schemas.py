"""The JSON Schemas of submissions and reports: what the service reads and answers fits them."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator, ValidationError

from api.routes.schemas import schema_of
from tests.api.conftest import Serve
from verifier import verify
from verifier.examples.named import list_examples, load_example
from verifier.exporters.student_view import to_student_view
from verifier.report.assignment import StudentVisibility

FOLDER = Path(__file__).parents[2] / "schemas"
SUBMISSION, REPORT = (Draft202012Validator(schema_of(name)) for name in ("submission", "report"))
JUDGED = ("sigmoid-mse", "wrong-layer", "planted/power-of-four", "gallery/scikit-learn")


@pytest.mark.parametrize("name", ["submission", "report"])
def test_the_service_answers_the_schema_that_the_repository_has(serve: Serve, name: str) -> None:
    client: TestClient = serve(oracles="backpropagation")
    answer = client.get(f"/schemas/{name}.json")
    assert answer.headers["content-type"] == "application/schema+json"
    stored = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert answer.json() == stored, "renew them: python -m api.routes.schemas schemas"
    Draft202012Validator.check_schema(stored)


def test_every_example_fits_the_schema_of_submissions() -> None:
    documents = {name: load_example(name) for name in list_examples()}
    assert [name for name, document in documents.items() if not SUBMISSION.is_valid(document)] == []


@pytest.mark.parametrize("name", JUDGED)
def test_reports_for_graders_and_students_fit_the_schema_of_reports(name: str) -> None:
    report = verify(load_example(name), oracles=("backpropagation",), entries="all")
    for document in (report, to_student_view(report, StudentVisibility(bug=True))):
        REPORT.validate(json.loads(json.dumps(document.to_dict())))


MISTAKES = {
    "no gradients": (SUBMISSION, {"gradients": None}),
    "a misspelt field": (SUBMISSION, {"gradient": {}}),
    "no network": (SUBMISSION, {"network": {"layers": []}}),
    "an unknown verdict": (REPORT, {"verdict": "fine"}),
    "another schema": (REPORT, {"schema": "gradjury.report/2"}),
    "a figure in words": (REPORT, {"loss": {"value": "much", "uncertainty": 0, "graded_under": {}}}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_does_not_fit_is_refused(mistake: str) -> None:
    validator, change = MISTAKES[mistake]
    document: dict[str, Any] = load_example("wrong-layer")
    if validator is REPORT:
        document = verify(document, oracles=("backpropagation",)).to_dict()
    validator.validate(json.loads(json.dumps(document)))
    with pytest.raises(ValidationError):
        validator.validate(json.loads(json.dumps(document | change)))
