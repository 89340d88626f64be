"""Requests that no page sends: an answer in words for each, and never a traceback."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.storage.records import Role
from tests.api.clients import assignment_by, person
from tests.api.conftest import Serve
from tests.api.pages.clients import COOKIE, HERE, token_of

FORM = {"content-type": "multipart/form-data; boundary=b"}


def part(name: str, value: bytes) -> bytes:
    return b'--b\r\ncontent-disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + value + b"\r\n"


GRADIENTS = part("text", b'{"gradients": {"layers.0.bias": [1, 2, 3, 4]}}')


@dataclass(frozen=True, slots=True)
class OddRequest:
    path: str
    status: int
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=lambda: FORM)


REQUESTS = {
    "a count that is none": OddRequest("/assignments/{homework}?counts=worst", 422),
    "a direction that is none": OddRequest("/assignments/{homework}?down=sideways", 422),
    "an order that is none": OddRequest("/assignments/{homework}?sort=%00%ff", 200),
    "a place that is no number": OddRequest("/batches/{homework}?after=x", 422),
    "an id that can be none": OddRequest("/reports/%00", 404),
    "a long id": OddRequest("/assignments/" + "x" * 500, 404),
    "another content type": OddRequest("/", 415, b"{}", {"content-type": "application/json"}),
    "no boundary": OddRequest("/", 400, b"x", {"content-type": "multipart/form-data"}),
    "a form cut short": OddRequest("/", 400, part("text", b"{}")[:20]),
    "too many fields": OddRequest("/", 400, b"".join(part(f"f{i}", b"x") for i in range(99)) + b"--b--"),
    "bytes for text": OddRequest("/", 400, part("text", b"\xff\xfe\x00") + b"--b--"),
    "a form without its end": OddRequest("/", 400, part("text", b"{}")),
    "a part without a name": OddRequest("/", 400, b"--b\r\nx: y\r\n\r\n{}\r\n--b--"),
    "nothing at all": OddRequest("/batches", 422, b"--b--"),
    "no token": OddRequest("/login", 401, b"--b--"),
    "a token of another alphabet": OddRequest(
        "/login", 401, part("token", "gradjury_é_ü".encode()) + b"--b--"
    ),
    "a token that no database takes": OddRequest(
        "/login", 401, part("token", b"gradjury_" + b"\x00" * 16) + b"--b--"
    ),
    "a student's name of control characters": OddRequest(
        "/assignments/{homework}/submissions",
        422,
        part("student", b"a\x00b") + GRADIENTS + b"--b--",
    ),
    "a student's name too long": OddRequest(
        "/assignments/{homework}/submissions",
        422,
        part("student", b"x" * 201) + GRADIENTS + b"--b--",
    ),
    "an endless key": OddRequest("/batches", 422, part("key", b"k" * 300) + part("text", b"{}") + b"--b--"),
}


@pytest.fixture(scope="module")
def grader(serve: Serve, module_database: Callable[[str], str]) -> Any:
    database = module_database("postgres")  # which takes less in a text than SQLite
    return person(serve(oracles="backpropagation", database_url=database), Role.GRADER, "prof")


@pytest.fixture(scope="module")
def homework(grader: Any) -> str:
    return assignment_by(grader)


@pytest.mark.parametrize("case", REQUESTS)
def test_an_odd_request_is_answered_by_a_page_in_words(grader: Any, homework: str, case: str) -> None:
    odd = REQUESTS[case]
    client: TestClient = grader.client
    headers = {"cookie": f"{COOKIE}={token_of(grader.headers)}", "origin": HERE}
    path = odd.path.format(homework=homework)
    if odd.content is None:
        answer = client.get(path, headers=headers)
    else:
        answer = client.post(path, content=odd.content, headers=headers | odd.headers)
    assert answer.status_code == odd.status, answer.text
    assert "<h1>" in answer.text
    assert "Traceback" not in answer.text
    assert "content-security-policy" in answer.headers
