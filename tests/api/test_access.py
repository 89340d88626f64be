"""Who may do what: every role, every route, every outcome."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.service import Service
from api.services.tokens import issue
from api.storage.records import Role
from tests.api.conftest import Serve
from tests.pairwise import try_each
from verifier.documents.json import to_json
from verifier.examples.layers import example_document

# student: whose submission it is. classmate: of the same assignment. elsewhere: of another assignment.
# namesake: the student's other token, of another assignment. owner, named: graders of this assignment, by
# owning it and by their token. stranger: another grader.
CALLERS = (
    "none", "malformed", "unknown", "expired", "revoked",
    "ci", "student", "classmate", "elsewhere", "namesake", "owner", "named", "stranger",
)  # fmt: skip
EXAMPLE = example_document("wrong-layer")
PROBLEM = {key: value for key, value in EXAMPLE.items() if key != "gradients"}
ASSIGNMENT = {"problem": PROBLEM, "title": "homework"}
HANDED_IN = {"gradients": EXAMPLE["gradients"]}


@dataclass(frozen=True, slots=True)
class Row:
    """outcomes: statuses for no token, for a bad one, and for each of CALLERS with a valid one."""

    method: str
    path: str
    body: Any
    outcomes: str
    content_type: str = "application/json"

    def status(self, caller: str) -> int:
        without, bad, *rest = self.outcomes.split()
        return int(dict(zip(CALLERS, [without, *[bad] * 4, *rest], strict=True))[caller])


#                                                          none bad | ci  stu cla els nam own named stranger
HOMEWORK = "/v1/assignments/{homework}"
BATCH = "/v1/batches/{batch}"
TABLE: Mapping[str, Row] = {
    "check": Row("POST", "/v1/checks", EXAMPLE, "200 401 200 200 200 200 200 200 200 200"),
    "catalogue": Row("GET", "/v1/catalogue", None, "200 401 200 200 200 200 200 200 200 200"),
    "example": Row("GET", "/v1/examples/pytorch", None, "200 401 200 200 200 200 200 200 200 200"),
    "live": Row("GET", "/health/live", None, "200 200 200 200 200 200 200 200 200 200"),
    "ready": Row("GET", "/health/ready", None, "200 200 200 200 200 200 200 200 200 200"),
    "create_assignment": Row("POST", "/v1/assignments", ASSIGNMENT,
                             "401 401 403 403 403 403 403 201 201 201"),
    "list_assignments": Row("GET", "/v1/assignments", None, "401 401 200 200 200 200 200 200 200 200"),
    "read_assignment": Row("GET", HOMEWORK, None, "401 401 404 200 200 404 404 200 200 404"),
    "change_assignment": Row("PUT", HOMEWORK, ASSIGNMENT, "401 401 404 403 403 404 404 200 200 404"),
    "submit": Row("POST", HOMEWORK + "/submissions?student=ada", HANDED_IN,
                  "401 401 404 201 403 404 404 201 201 404"),
    "list_submissions": Row("GET", HOMEWORK + "/submissions", None,
                            "401 401 404 200 200 404 404 200 200 404"),
    "read_submission": Row("GET", HOMEWORK + "/submissions/{submission}", None,
                           "401 401 404 200 404 404 404 200 200 404"),
    "read_report": Row("GET", "/v1/reports/{report}", None, "401 401 404 200 404 404 404 200 200 404"),
    "overview": Row("GET", HOMEWORK + "/overview", None, "401 401 404 403 403 404 404 200 200 404"),
    "grades": Row("GET", HOMEWORK + "/grades.csv", None, "401 401 404 403 403 404 404 200 200 404"),
    "regrade": Row("POST", HOMEWORK + "/regrades", None, "401 401 404 403 403 404 404 200 200 404"),
    "create_batch": Row("POST", "/v1/batches", EXAMPLE, "401 401 202 403 403 403 403 202 202 202",
                        "application/x-ndjson"),
    "list_batches": Row("GET", "/v1/batches", None, "401 401 200 403 403 403 403 200 200 200"),
    "read_batch": Row("GET", BATCH, None, "401 401 404 403 403 403 403 200 404 404"),
    "cancel_batch": Row("DELETE", BATCH, None, "401 401 404 403 403 403 403 200 404 404"),
    "read_batch_reports": Row("GET", BATCH + "/reports", None, "401 401 404 403 403 403 403 200 404 404"),
    "follow_batch": Row("GET", BATCH + "/events", None, "401 401 404 403 403 403 403 200 404 404"),
    "metrics": Row("GET", "/metrics", None, "200 401 200 200 200 200 200 200 200 200"),
    "keys": Row("GET", "/.well-known/jwks.json", None, "200 401 200 200 200 200 200 200 200 200"),
    "evaluate": Row("POST", "/evaluate", {"submission": {"type": "MODEL", "content": EXAMPLE}},
                    "200 401 200 200 200 200 200 200 200 200"),
    "evaluate_health": Row("GET", "/evaluate/health", None, "200 401 200 200 200 200 200 200 200 200"),
}  # fmt: skip
METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class World:
    client: TestClient
    headers: Mapping[str, Mapping[str, str]]
    ids: Mapping[str, str]

    def ask(self, row: Row, caller: str) -> Any:
        content = None if row.body is None else to_json(row.body).encode()
        headers = {"content-type": row.content_type} | self.headers[caller]
        return self.client.request(row.method, row.path.format(**self.ids), content=content, headers=headers)


def world_of(client: TestClient) -> World:
    service: Service = client.app.state.service

    def held(role: Role, subject: str, *opens: str, days: int | None = None) -> dict[str, str]:
        lifetime = None if days is None else timedelta(days=days)
        _, text = issue(service.repository.tokens, role, subject, frozenset(opens), service.now(), lifetime)
        return {"authorization": f"Bearer {text}"}

    owner, stranger = held(Role.GRADER, "prof"), held(Role.GRADER, "other prof")
    homework, other = (
        client.post("/v1/assignments", json=ASSIGNMENT, headers=whose).json()["id"]
        for whose in (owner, stranger)
    )
    revoked = held(Role.GRADER, "prof")
    service.repository.tokens.revoke(revoked["authorization"].split("_")[1], service.now())
    student = held(Role.STUDENT, "ada", homework)
    headers = {
        "none": {},
        "malformed": {"authorization": "Basic cHJvZjpzZWNyZXQ="},
        "unknown": {"authorization": "Bearer gradjury_0123456789abcdef_" + "x" * 43},
        "expired": held(Role.GRADER, "prof", homework, days=-1),
        "revoked": revoked,
        "ci": held(Role.CI, "runner"),
        "student": student,
        "classmate": held(Role.STUDENT, "bob", homework),
        "elsewhere": held(Role.STUDENT, "eve", other),
        "namesake": held(Role.STUDENT, "ada", other),
        "owner": owner,
        "named": held(Role.GRADER, "assistant", homework),
        "stranger": stranger,
    }
    made = client.post(f"/v1/assignments/{homework}/submissions", json=HANDED_IN, headers=student)
    lines = {"content-type": "application/x-ndjson"}
    batch = client.post("/v1/batches", content=to_json(EXAMPLE).encode(), headers=owner | lines)
    client.delete(batch.headers["location"], headers=owner)  # one that is over, whose events end
    ids = {
        "homework": homework,
        "batch": batch.headers["location"].rpartition("/")[2],
        "report": made.headers["location"].rpartition("/")[2],
        "submission": made.headers["link"].partition(">")[0].rpartition("/")[2],
    }
    return World(client, headers, ids)


@pytest.fixture(scope="module")
def world(serve: Serve) -> World:
    return world_of(serve(oracles="backpropagation"))


def test_the_table_names_every_operation_of_the_service_and_no_other(world: World) -> None:
    document = world.client.get("/openapi.json").json()
    operations = {
        operation["operationId"]: (method.upper(), path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }
    assert TABLE.keys() == operations.keys(), "give every operation its row"
    assert {name: row.method for name, row in TABLE.items()} == {
        name: method for name, (method, _) in operations.items()
    }


@pytest.fixture(scope="module")
def documented(world: World) -> Mapping[str, Any]:
    """The responses that the document names, by operation."""
    paths = world.client.get("/openapi.json").json()["paths"]
    return {
        operation["operationId"]: operation["responses"]
        for item in paths.values()
        for method, operation in item.items()
        if method in METHODS
    }


@pytest.mark.parametrize("operation", TABLE)
def test_each_caller_gets_what_the_table_says_and_the_document_names(
    world: World, documented: Mapping[str, Any], operation: str
) -> None:
    row = TABLE[operation]

    def check(caller: str) -> None:
        answer = world.ask(row, caller)
        assert answer.status_code == row.status(caller), answer.text
        assert str(answer.status_code) in documented[operation]
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)

    try_each(check, CALLERS)


@pytest.fixture(scope="module")
def closed(serve: Serve) -> World:
    return world_of(serve(oracles="backpropagation", open_checks=False))


CLOSED = {"none": 401, "malformed": 401, "unknown": 401, "expired": 401, "revoked": 401}
CLOSED |= dict.fromkeys(("student", "classmate", "elsewhere", "namesake"), 403)


def test_closed_checks_are_for_graders_and_ci_alone(closed: World) -> None:
    statuses = {caller: closed.ask(TABLE["check"], caller).status_code for caller in CALLERS}
    assert statuses == {caller: CLOSED.get(caller, 200) for caller in CALLERS}


def test_what_a_token_does_not_open_answers_as_what_does_not_exist(world: World) -> None:
    for operation in ("read_assignment", "read_submission", "read_report"):
        row = TABLE[operation]
        closed = world.ask(row, "elsewhere")
        absent = World(world.client, world.headers, dict.fromkeys(world.ids, "0" * 32))
        assert absent.ask(row, "elsewhere").json() == closed.json()


def test_lists_hold_only_what_the_token_opens(world: World) -> None:
    def listed(operation: str, caller: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = world.ask(TABLE[operation], caller).json()
        return rows

    assert listed("list_assignments", "ci") == []
    for caller in ("student", "classmate"):
        assert [row["id"] for row in listed("list_assignments", caller)] == [world.ids["homework"]]
    assert world.ids["homework"] not in json.dumps(listed("list_assignments", "elsewhere"))
    assert {row["student"] for row in listed("list_submissions", "student")} == {"ada"}
    assert listed("list_submissions", "classmate") == []
    assert {row["student"] for row in listed("list_submissions", "owner")} == {"ada"}


def test_a_ci_token_of_an_assignment_reads_its_problem_and_nothing_else(
    world: World,
) -> None:
    service: Service = world.client.app.state.service
    named = frozenset({world.ids["homework"]})
    _, text = issue(service.repository.tokens, Role.CI, "runner", named, service.now(), None)
    runner = World(world.client, {"ci": {"authorization": f"Bearer {text}"}}, world.ids)
    operations = ("read_assignment", "change_assignment", "submit", "list_submissions", "read_submission",
             "read_report")  # fmt: skip
    statuses = [runner.ask(TABLE[operation], "ci").status_code for operation in operations]
    assert statuses == [200, 403, 403, 403, 404, 404]


@pytest.mark.parametrize("operation", ["create_assignment", "change_assignment", "submit", "check"])
def test_a_content_type_that_is_not_taken_is_told_which_are(world: World, operation: str) -> None:
    row = TABLE[operation]
    headers = {**world.headers["owner"], "content-type": "text/plain"}
    answer = world.client.request(row.method, row.path.format(**world.ids), content="x", headers=headers)
    assert answer.status_code == 415
    assert "application/json" in answer.headers["accept"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_students_report_tells_no_expected_values_and_a_graders_does(world: World) -> None:
    student, grader = (world.ask(TABLE["read_report"], caller).text for caller in ("student", "owner"))
    assert "expected" in grader
    assert "expected" not in student
    assert "evidence" not in json.loads(student)


def test_a_report_is_tagged_and_not_sent_twice(world: World) -> None:
    path = TABLE["read_report"].path.format(**world.ids)
    first = world.client.get(path, headers=world.headers["student"])
    again = world.client.get(
        path, headers={**world.headers["student"], "if-none-match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert "private" in first.headers["cache-control"]


ABSENT = ("%00", "x" * 500, "..", "%ff%fe", "a b", "'; DROP TABLE tokens")
OF_AN_ID = ("/v1/reports/{}", "/v1/assignments/{}", "/v1/assignments/{}/submissions")


def test_an_id_that_can_be_none_is_not_found(world: World) -> None:
    def check(path: str, absent: str) -> None:
        answer = world.client.get(path.format(absent), headers=world.headers["owner"])
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"

    try_each(check, product(OF_AN_ID, ABSENT))


def test_a_student_whose_name_cannot_be_kept_is_refused(world: World) -> None:
    def check(student: str) -> None:
        path = f"/v1/assignments/{world.ids['homework']}/submissions?student={student}"
        answer = world.client.post(path, json=HANDED_IN, headers=world.headers["owner"])
        assert answer.status_code == 422
        assert "student" in answer.json()["errors"][0]["pointer"]

    try_each(check, ["", "x" * 201, "a%00b", "a%0Ab"])


def test_a_student_of_the_longest_name_can_submit_and_read(serve: Serve, fresh_database: Any) -> None:
    client = serve(oracles="backpropagation", database_url=fresh_database("postgres"))
    world = world_of(client)
    name = "x" * 200
    service: Service = client.app.state.service
    _, text = issue(
        service.repository.tokens, Role.STUDENT, name, frozenset({world.ids["homework"]}), service.now(), None
    )
    headers = {"authorization": f"Bearer {text}"}
    made = client.post(
        f"/v1/assignments/{world.ids['homework']}/submissions", json=HANDED_IN, headers=headers
    )
    assert made.status_code == 201
    assert client.get(made.headers["location"], headers=headers).status_code == 200
