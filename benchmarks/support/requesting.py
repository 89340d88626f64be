"""Requests with any method and headers, and what is answered."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPResponse

from api.service import utc_now
from api.services.tokens import issue
from api.storage.database import open_repository
from api.storage.records import Role
from benchmarks.support.attacking import answer_of, connect
from benchmarks.support.service import EXAMPLE, RunningService, request_json

_METHODS = ("get", "post", "put", "patch", "delete")


def operations(service: RunningService) -> list[tuple[str, str]]:
    """Return method and path of each operation of the OpenAPI document, with ids that exist."""
    document = request_json(service.port, "GET", "/openapi.json", {})[2]
    ids = dict.fromkeys(("batch_id", "job_id"), "0" * 32) | dict(service.ids)
    return [
        (method.upper(), path.replace(":path", "").format(**ids))
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]


def submissions_of(service: RunningService) -> list[object]:
    """Return the submissions of the service's assignment, as its grader sees them."""
    path = f"/v1/assignments/{service.ids['assignment_id']}/submissions"
    rows: list[object] = json.loads(ask(service, "GET", path, dict(service.tokens["grader"]))[2])
    return rows


def send_batch(service: RunningService, headers: Mapping[str, str]) -> str:
    """Send a batch of one submission. Return its path."""
    line = json.dumps(EXAMPLE).encode()
    sent = {"content-type": "application/x-ndjson", **headers}
    _, answered, _ = ask(service, "POST", "/v1/batches", sent, line)
    return str(answered["location"])


def bearer(text: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"authorization": f"Bearer {text}"}


def new_token(
    service: RunningService,
    role: Role,
    subject: str,
    *assignments: str,
    begun: datetime | None = None,
    lifetime: timedelta | None = None,
) -> str:
    """Return a new token of a running service. begun: by default now."""
    repository = open_repository(f"sqlite:///{service.log.parent / 'gradjury.sqlite'}")
    _, text = issue(repository.tokens, role, subject, frozenset(assignments), begun or utc_now(), lifetime)
    repository.close()
    return text


def raw_status(service: RunningService, path: str, token: str) -> int:
    """Return the status of a request whose bytes no library has checked."""
    head = f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
    with connect(service.port, head.encode()) as connection:
        return answer_of(connection, 10)[0]


def ask(
    service: RunningService, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """Send a request. Return the status, the headers and the body of its answer."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=120)
    connection.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value.encode("latin-1", "replace"))
    if body is not None:
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body)
    response: HTTPResponse = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, content
