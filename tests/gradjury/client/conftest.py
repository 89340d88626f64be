"""A service of this process, and clients of a grader and a student who call it."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from gradjury import Client
from tests.api.clients import person
from tests.api.conftest import Serve, serve

__all__ = ["serve"]
ClientOf = Callable[..., Client]


@pytest.fixture(scope="module")
def service(serve: Serve) -> TestClient:
    return serve(oracles="backpropagation", answer_grid=0)


@pytest.fixture(autouse=True)
def no_logins(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No login of whoever runs the tests is read or changed."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.delenv("GRADJURY_SERVER", raising=False)
    monkeypatch.delenv("GRADJURY_TOKEN", raising=False)


@pytest.fixture(scope="module")
def client_of(service: TestClient) -> ClientOf:
    """Return a client with a new token."""

    def make(role: Role, subject: str, *assignments: str) -> Client:
        token = person(service, role, subject, *assignments).headers["authorization"].split()[1]
        return Client("http://testserver", token, transport=service._transport)

    return make
