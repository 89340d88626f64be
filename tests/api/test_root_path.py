"""The service under a path of a proxy, which takes the path away: all links and redirects have it."""

import re

import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from tests.api.clients import Person, assignment_by, person
from tests.api.conftest import Serve
from tests.api.pages.clients import Visitor, token_of

PREFIX = "/gradjury"
LINK = re.compile(r'\s(?:href|src|action|data-events)="(/[^"]*)"')


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    """A client that gives the service what uvicorn gives it with --root-path."""
    inner = serve(oracles="backpropagation")
    outer = TestClient(inner.app, base_url=f"http://testserver{PREFIX}", root_path=PREFIX)
    outer.app_state.update(inner.app_state)
    return outer


@pytest.fixture(scope="module")
def grader(client: TestClient) -> Person:
    return person(client, Role.GRADER, "prof")


def test_every_link_of_the_pages_leads_to_the_service(client: TestClient, grader: Person) -> None:
    hw, token = assignment_by(grader), token_of(grader.headers)
    login = Visitor(client).send("/login", token=token, to="/batches")
    assert (login.status_code, login.headers["location"]) == (303, f"{PREFIX}/batches")
    visitor = Visitor(client, token)
    for path in ("/", "/login", "/assignments", f"/assignments/{hw}", "/batches", "/gallery", "/nothing"):
        links = LINK.findall(visitor.get(path, accept="text/html").text)
        assert links
        inside = [link for link in links if link.startswith(f"{PREFIX}/") and not link.startswith(PREFIX * 2)]
        assert inside == links


def test_headers_lead_to_the_service(client: TestClient, grader: Person) -> None:
    hw = assignment_by(grader)
    made = grader.post(f"/v1/assignments/{hw}/copy")
    assert made.headers["location"] == f"{PREFIX}/v1/assignments/{made.json()['id']}"
    wrong = client.put("/v1/checks")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert client.get("/openapi.json").json()["servers"] == [{"url": PREFIX}]
