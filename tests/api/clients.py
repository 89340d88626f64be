"""Graders and students with tokens, and an assignment to answer."""

from dataclasses import dataclass
from typing import Any

from fastapi.testclient import TestClient

from api.service import Service
from api.services.tokens import issue
from api.storage.records import Role
from verifier.examples.layers import example_document

RIGHT = example_document("sigmoid-mse")
WRONG = example_document("wrong-layer")


def problem_of(document: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in document.items() if field not in ("gradients", "reported_loss")}


@dataclass(frozen=True)
class Person:
    """Somebody with a token, who calls the service."""

    client: TestClient
    headers: dict[str, str]

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=self.headers | headers)

    def post(self, path: str, document: Any = None, **headers: str) -> Any:
        return self.client.post(path, json=document, headers=self.headers | headers)

    def put(self, path: str, document: Any) -> Any:
        return self.client.put(path, json=document, headers=self.headers)


def service_of(client: TestClient) -> Service:
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    return service


def person(client: TestClient, role: Role, subject: str, *assignments: str) -> Person:
    service = service_of(client)
    _, text = issue(service.repository.tokens, role, subject, frozenset(assignments), service.now(), None)
    return Person(client, {"authorization": f"Bearer {text}"})


def assignment_by(grader: Person, **rules: Any) -> str:
    """Keep the assignment of the example `wrong-layer`, and give its id."""
    answer = grader.post("/v1/assignments", {"problem": problem_of(WRONG)} | rules)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
