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
from tests.pairwise import check_rows
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
SUBMISSION = {"gradients": EXAMPLE["gradients"]}


@dataclass(frozen=True, slots=True)
class Call:
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
SPARE = "/v1/assignments/{spare}"
REGRADE = HOMEWORK + "/regrades/{regrade}"
BATCH = "/v1/batches/{batch}"
TABLE: Mapping[str, Call] = {
    "check": Call("POST", "/v1/checks", EXAMPLE, "200 401 200 200 200 200 200 200 200 200"),
    "catalogue": Call("GET", "/v1/catalogue", None, "200 401 200 200 200 200 200 200 200 200"),
    "example": Call("GET", "/v1/examples/pytorch", None, "200 401 200 200 200 200 200 200 200 200"),
    "live": Call("GET", "/health/live", None, "200 200 200 200 200 200 200 200 200 200"),
    "ready": Call("GET", "/health/ready", None, "200 200 200 200 200 200 200 200 200 200"),
    "create_assignment": Call("POST", "/v1/assignments", ASSIGNMENT,
                              "401 401 403 403 403 403 403 201 201 201"),
    "list_assignments": Call("GET", "/v1/assignments", None, "401 401 200 200 200 200 200 200 200 200"),
    "read_assignment": Call("GET", HOMEWORK, None, "401 401 404 200 200 404 404 200 200 404"),
    "change_assignment": Call("PUT", HOMEWORK, ASSIGNMENT, "401 401 404 403 403 404 404 200 200 404"),
    "edit_assignment": Call("PATCH", HOMEWORK, {"title": "work"}, "401 401 404 403 403 404 404 200 200 404"),
    "delete_assignment": Call("DELETE", HOMEWORK, None, "401 401 404 403 403 404 404 409 409 404"),
    "close_assignment": Call("POST", SPARE + "/close", None, "401 401 404 403 403 404 404 200 200 404"),
    "reopen_assignment": Call("POST", SPARE + "/reopen", None, "401 401 404 403 403 404 404 200 200 404"),
    "copy_assignment": Call("POST", HOMEWORK + "/copy", None, "401 401 404 403 403 404 404 201 201 404"),
    "read_token": Call("GET", "/v1/token", None, "401 401 200 200 200 200 200 200 200 200"),
    "create_tokens": Call("POST", SPARE + "/tokens", {"students": ["zoe"]},
                          "401 401 404 403 403 404 404 201 201 404"),
    "list_tokens": Call("GET", HOMEWORK + "/tokens", None, "401 401 404 403 403 404 404 200 200 404"),
    "revoke_token": Call("DELETE", SPARE + "/tokens/{token}", None,
                         "401 401 404 403 403 404 404 204 204 404"),
    "read_roster": Call("GET", HOMEWORK + "/roster", None, "401 401 404 403 403 404 404 200 200 404"),
    "replace_roster": Call("PUT", HOMEWORK + "/roster", [{"student": "ada", "lms_id": "7"}],
                           "401 401 404 403 403 404 404 200 200 404"),
    "export_student": Call("GET", HOMEWORK + "/student-data?student=ada", None,
                           "401 401 404 403 403 404 404 200 200 404"),
    "delete_student": Call("DELETE", HOMEWORK + "/student-data?student=ida", None,
                           "401 401 404 403 403 404 404 204 404 404"),
    "submit": Call("POST", HOMEWORK + "/submissions?student=ada", SUBMISSION,
                   "401 401 404 201 403 404 404 201 201 404"),
    "list_submissions": Call("GET", HOMEWORK + "/submissions", None,
                             "401 401 404 200 200 404 404 200 200 404"),
    "read_submission": Call("GET", HOMEWORK + "/submissions/{submission}", None,
                            "401 401 404 200 404 404 404 200 200 404"),
    "read_report": Call("GET", "/v1/reports/{report}", None, "401 401 404 200 404 404 404 200 200 404"),
    "overview": Call("GET", HOMEWORK + "/overview", None, "401 401 404 403 403 404 404 200 200 404"),
    "grades": Call("GET", HOMEWORK + "/grades.csv", None, "401 401 404 403 403 404 404 200 200 404"),
    "regrade": Call("POST", HOMEWORK + "/regrades", None, "401 401 404 403 403 404 404 200 200 404"),
    "read_regrade": Call("GET", REGRADE, None, "401 401 404 403 403 404 404 200 200 404"),
    "read_regrade_outcomes": Call("GET", REGRADE + "/outcomes", None,
                                  "401 401 404 403 403 404 404 200 200 404"),
    "create_batch": Call("POST", "/v1/batches", EXAMPLE, "401 401 202 403 403 403 403 202 202 202",
                         "application/x-ndjson"),
    "list_batches": Call("GET", "/v1/batches", None, "401 401 200 403 403 403 403 200 200 200"),
    "read_batch": Call("GET", BATCH, None, "401 401 404 403 403 403 403 200 404 404"),
    "cancel_batch": Call("DELETE", BATCH, None, "401 401 404 403 403 403 403 200 404 404"),
    "read_batch_reports": Call("GET", BATCH + "/reports", None, "401 401 404 403 403 403 403 200 404 404"),
    "follow_batch": Call("GET", BATCH + "/events", None, "401 401 404 403 403 403 403 200 404 404"),
    "metrics": Call("GET", "/metrics", None, "200 401 200 200 200 200 200 200 200 200"),
    "version": Call("GET", "/version", None, "200 401 200 200 200 200 200 200 200 200"),
    "submission_schema": Call("GET", "/schemas/submission.json", None,
                              "200 401 200 200 200 200 200 200 200 200"),
    "report_schema": Call("GET", "/schemas/report.json", None, "200 401 200 200 200 200 200 200 200 200"),
    "keys": Call("GET", "/.well-known/jwks.json", None, "200 401 200 200 200 200 200 200 200 200"),
    "evaluate": Call("POST", "/evaluate", {"submission": {"type": "MODEL", "content": EXAMPLE}},
                     "200 401 200 200 200 200 200 200 200 200"),
    "evaluate_health": Call("GET", "/evaluate/health", None, "200 401 200 200 200 200 200 200 200 200"),
}  # fmt: skip
METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class PreparedService:
    client: TestClient
    headers: Mapping[str, Mapping[str, str]]
    ids: Mapping[str, str]

    def ask(self, row: Call, caller: str) -> Any:
        content = None if row.body is None else to_json(row.body).encode()
        headers = {"content-type": row.content_type} | self.headers[caller]
        return self.client.request(row.method, row.path.format(**self.ids), content=content, headers=headers)


def prepare_service(client: TestClient) -> PreparedService:
    service: Service = client.app.state.service

    def issue_token(role: Role, subject: str, *opens: str, days: int | None = None) -> dict[str, str]:
        lifetime = None if days is None else timedelta(days=days)
        _, text = issue(service.repository.tokens, role, subject, frozenset(opens), service.now(), lifetime)
        return {"authorization": f"Bearer {text}"}

    owner, stranger = issue_token(Role.GRADER, "prof"), issue_token(Role.GRADER, "other prof")
    homework, other = (
        client.post("/v1/assignments", json=ASSIGNMENT, headers=whose).json()["id"]
        for whose in (owner, stranger)
    )
    spare = client.post("/v1/assignments", json=ASSIGNMENT, headers=owner).json()["id"]
    issue_token(Role.STUDENT, "ida", homework)
    revoked = issue_token(Role.GRADER, "prof")
    service.repository.tokens.revoke(revoked["authorization"].split("_")[1], service.now())
    student = issue_token(Role.STUDENT, "ada", homework, spare)
    headers = {
        "none": {},
        "malformed": {"authorization": "Basic cHJvZjpzZWNyZXQ="},
        "unknown": {"authorization": "Bearer gradjury_0123456789abcdef_" + "x" * 43},
        "expired": issue_token(Role.GRADER, "prof", homework, days=-1),
        "revoked": revoked,
        "ci": issue_token(Role.CI, "runner"),
        "student": student,
        "classmate": issue_token(Role.STUDENT, "bob", homework, spare),
        "elsewhere": issue_token(Role.STUDENT, "eve", other),
        "namesake": issue_token(Role.STUDENT, "ada", other),
        "owner": owner,
        "named": issue_token(Role.GRADER, "assistant", homework, spare),
        "stranger": stranger,
    }
    made = client.post(f"/v1/assignments/{homework}/submissions", json=SUBMISSION, headers=student)
    lines = {"content-type": "application/x-ndjson"}
    batch = client.post("/v1/batches", content=to_json(EXAMPLE).encode(), headers=owner | lines)
    client.delete(batch.headers["location"], headers=owner)  # one that is over, whose events end
    job = client.post(f"/v1/assignments/{homework}/regrades", headers={**owner, "prefer": "respond-async"})
    ids = {
        "homework": homework,
        "spare": spare,
        "token": issue_token(Role.STUDENT, "zoe", spare)["authorization"].split("_")[1],
        "regrade": job.headers["location"].rpartition("/")[2],
        "batch": batch.headers["location"].rpartition("/")[2],
        "report": made.headers["location"].rpartition("/")[2],
        "submission": made.headers["link"].partition(">")[0].rpartition("/")[2],
    }
    return PreparedService(client, headers, ids)


@pytest.fixture(scope="module")
def service(serve: Serve) -> PreparedService:
    return prepare_service(serve(oracles="backpropagation"))


def test_the_table_names_every_operation_of_the_service_and_no_other(service: PreparedService) -> None:
    document = service.client.get("/openapi.json").json()
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
def documented_statuses(service: PreparedService) -> Mapping[str, Any]:
    """The responses that the document names, by operation."""
    paths = service.client.get("/openapi.json").json()["paths"]
    return {
        operation["operationId"]: operation["responses"]
        for item in paths.values()
        for method, operation in item.items()
        if method in METHODS
    }


@pytest.mark.parametrize("operation", TABLE)
def test_each_caller_gets_what_the_table_says_and_the_document_names(
    service: PreparedService, documented_statuses: Mapping[str, Any], operation: str
) -> None:
    row = TABLE[operation]

    def check(caller: str) -> None:
        answer = service.ask(row, caller)
        assert answer.status_code == row.status(caller), answer.text
        assert str(answer.status_code) in documented_statuses[operation]
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)

    check_rows(check, CALLERS)


@pytest.fixture(scope="module")
def closed_service(serve: Serve) -> PreparedService:
    return prepare_service(serve(oracles="backpropagation", open_checks=False))


CLOSED = {"none": 401, "malformed": 401, "unknown": 401, "expired": 401, "revoked": 401}
CLOSED |= dict.fromkeys(("student", "classmate", "elsewhere", "namesake"), 403)


def test_closed_checks_are_for_graders_and_ci_alone(closed_service: PreparedService) -> None:
    statuses = {caller: closed_service.ask(TABLE["check"], caller).status_code for caller in CALLERS}
    assert statuses == {caller: CLOSED.get(caller, 200) for caller in CALLERS}


def test_what_a_token_does_not_open_answers_as_what_does_not_exist(service: PreparedService) -> None:
    for operation in ("read_assignment", "read_submission", "read_report"):
        row = TABLE[operation]
        closed = service.ask(row, "elsewhere")
        absent = PreparedService(service.client, service.headers, dict.fromkeys(service.ids, "0" * 32))
        assert absent.ask(row, "elsewhere").json() == closed.json()


def test_lists_hold_only_what_the_token_opens(service: PreparedService) -> None:
    def list_rows(operation: str, caller: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = service.ask(TABLE[operation], caller).json()
        return rows

    assert list_rows("list_assignments", "ci") == []
    for caller in ("student", "classmate"):
        assert {row["id"] for row in list_rows("list_assignments", caller)} == {
            service.ids[name] for name in ("homework", "spare")
        }
    assert service.ids["homework"] not in json.dumps(list_rows("list_assignments", "elsewhere"))
    assert {row["student"] for row in list_rows("list_submissions", "student")} == {"ada"}
    assert list_rows("list_submissions", "classmate") == []
    assert {row["student"] for row in list_rows("list_submissions", "owner")} == {"ada"}


def test_a_ci_token_of_an_assignment_reads_its_problem_and_nothing_else(
    service: PreparedService,
) -> None:
    state: Service = service.client.app.state.service
    named = frozenset({service.ids["homework"]})
    _, text = issue(state.repository.tokens, Role.CI, "runner", named, state.now(), None)
    runner = PreparedService(service.client, {"ci": {"authorization": f"Bearer {text}"}}, service.ids)
    operations = ("read_assignment", "change_assignment", "submit", "list_submissions", "read_submission",
             "read_report")  # fmt: skip
    statuses = [runner.ask(TABLE[operation], "ci").status_code for operation in operations]
    assert statuses == [200, 403, 403, 403, 404, 404]


@pytest.mark.parametrize("operation", ["create_assignment", "change_assignment", "submit", "check"])
def test_a_content_type_that_is_not_taken_is_told_which_are(service: PreparedService, operation: str) -> None:
    row = TABLE[operation]
    headers = {**service.headers["owner"], "content-type": "text/plain"}
    answer = service.client.request(row.method, row.path.format(**service.ids), content="x", headers=headers)
    assert answer.status_code == 415
    assert "application/json" in answer.headers["accept"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_students_report_tells_no_expected_values_and_a_graders_does(service: PreparedService) -> None:
    student, grader = (service.ask(TABLE["read_report"], caller).text for caller in ("student", "owner"))
    assert "expected" in grader
    assert "expected" not in student
    assert "evidence" not in json.loads(student)


def test_a_report_is_tagged_and_not_sent_twice(service: PreparedService) -> None:
    path = TABLE["read_report"].path.format(**service.ids)
    first = service.client.get(path, headers=service.headers["student"])
    again = service.client.get(
        path, headers={**service.headers["student"], "if-none-match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert "private" in first.headers["cache-control"]


ABSENT = ("%00", "x" * 500, "..", "%ff%fe", "a b", "'; DROP TABLE tokens")
OF_AN_ID = ("/v1/reports/{}", "/v1/assignments/{}", "/v1/assignments/{}/submissions")


def test_an_id_that_can_be_none_is_not_found(service: PreparedService) -> None:
    def check(path: str, absent: str) -> None:
        answer = service.client.get(path.format(absent), headers=service.headers["owner"])
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"

    check_rows(check, product(OF_AN_ID, ABSENT))


def test_a_student_whose_name_cannot_be_kept_is_refused(service: PreparedService) -> None:
    def check(student: str) -> None:
        path = f"/v1/assignments/{service.ids['homework']}/submissions?student={student}"
        answer = service.client.post(path, json=SUBMISSION, headers=service.headers["owner"])
        assert answer.status_code == 422
        assert "student" in answer.json()["errors"][0]["pointer"]

    check_rows(check, ["", "x" * 201, "a%00b", "a%0Ab"])


def test_a_student_of_the_longest_name_can_submit_and_read(serve: Serve, fresh_database: Any) -> None:
    client = serve(oracles="backpropagation", database_url=fresh_database("postgres"))
    prepared = prepare_service(client)
    name = "x" * 200
    service: Service = client.app.state.service
    _, text = issue(
        service.repository.tokens,
        Role.STUDENT,
        name,
        frozenset({prepared.ids["homework"]}),
        service.now(),
        None,
    )
    headers = {"authorization": f"Bearer {text}"}
    made = client.post(
        f"/v1/assignments/{prepared.ids['homework']}/submissions", json=SUBMISSION, headers=headers
    )
    assert made.status_code == 201
    assert client.get(made.headers["location"], headers=headers).status_code == 200
