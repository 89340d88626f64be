"""Who may see which page: every page, every caller, every outcome."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.pages.page_route import PageRoute
from api.pages.site import PAGES
from tests.api.conftest import Serve
from tests.api.pages.clients import Visitor, as_text, token_of
from tests.api.test_access import (
    ASSIGNMENT,
    CALLERS,
    CLOSED,
    EXAMPLE,
    SUBMISSION,
    PreparedService,
    prepare_service,
)
from tests.api.test_access import TABLE as API
from tests.pairwise import check_rows


@dataclass(frozen=True, slots=True)
class Visit:
    """outcomes: statuses for no cookie, for a bad one, and for each of CALLERS with a valid one."""

    method: str
    path: str
    outcomes: str
    fields: Mapping[str, str] | None = None

    def status(self, caller: str) -> int:
        without, bad, *rest = self.outcomes.split()
        return int(dict(zip(CALLERS, [without, *[bad] * 4, *rest], strict=True))[caller])


HOMEWORK = "/assignments/{homework}"
BATCH = "/batches/{batch}"
#                                                  none bad | ci  stu cla els nam own named stranger
TABLE: Mapping[str, Visit] = {
    "home_page": Visit("GET", "/", "200 401 200 200 200 200 200 200 200 200"),
    "gallery_page": Visit("GET", "/gallery", "200 401 200 200 200 200 200 200 200 200"),
    "example_page": Visit("GET", "/examples/pytorch", "200 401 200 200 200 200 200 200 200 200"),
    "check_page": Visit("POST", "/", "200 401 200 200 200 200 200 200 200 200", {"text": as_text(EXAMPLE)}),
    "login_page": Visit("GET", "/login", "200 200 200 200 200 200 200 200 200 200"),
    "log_in": Visit("POST", "/login", "401 401 401 401 401 401 401 401 401 401", {"token": "gradjury_no"}),
    "log_out": Visit("POST", "/logout", "303 303 303 303 303 303 303 303 303 303"),
    "assignments_page": Visit("GET", "/assignments", "401 401 200 200 200 200 200 200 200 200"),
    "create_assignment_page": Visit("POST", "/assignments", "401 401 403 403 403 403 403 303 303 303",
                                    {"text": as_text(ASSIGNMENT)}),
    "new_assignment_page": Visit("GET", "/assignments/new", "401 401 403 403 403 403 403 200 200 200"),
    "edit_assignment_page": Visit("GET", HOMEWORK + "/edit", "401 401 404 403 403 404 404 200 200 404"),
    "change_assignment_page": Visit("POST", HOMEWORK + "/edit", "401 401 404 403 403 404 404 303 303 404",
                                    {"title": "Homework", "see_verdict": "yes", "see_parameters": "yes"}),
    "close_assignment_page": Visit("POST", HOMEWORK + "/close", "401 401 404 403 403 404 404 303 303 404"),
    "reopen_assignment_page": Visit("POST", HOMEWORK + "/reopen", "401 401 404 403 403 404 404 303 303 404"),
    "copy_assignment_page": Visit("POST", HOMEWORK + "/copy", "401 401 404 403 403 404 404 303 303 404"),
    "delete_assignment_page": Visit("POST", HOMEWORK + "/delete", "401 401 404 403 403 404 404 409 409 404"),
    "students_page": Visit("GET", HOMEWORK + "/students", "401 401 404 403 403 404 404 200 200 404"),
    "name_students_page": Visit("POST", HOMEWORK + "/students", "401 401 404 403 403 404 404 303 303 404",
                                {"text": "grace"}),
    "issue_tokens_page": Visit("POST", HOMEWORK + "/tokens", "401 401 404 403 403 404 404 200 200 404"),
    "student_data_page": Visit("GET", HOMEWORK + "/student-data?student=ada",
                               "401 401 404 403 403 404 404 200 200 404"),
    "submissions_page": Visit("GET", HOMEWORK + "/submissions", "401 401 303 303 303 303 303 303 303 303"),
    "starter_file": Visit("GET", HOMEWORK + "/starter.py", "401 401 404 200 200 404 404 200 200 404"),
    "starter_notebook": Visit("GET", HOMEWORK + "/starter.ipynb", "401 401 404 200 200 404 404 200 200 404"),
    "sample_file": Visit("GET", HOMEWORK + "/sample.npz", "401 401 404 200 200 404 404 200 200 404"),
    "assignment_page": Visit("GET", HOMEWORK, "401 401 404 200 200 404 404 200 200 404"),
    "problem_file": Visit("GET", HOMEWORK + "/problem.json", "401 401 404 200 200 404 404 200 200 404"),
    "submit_page": Visit("POST", HOMEWORK + "/submissions", "401 401 404 303 403 404 404 303 303 404",
                         {"student": "ada", "text": as_text(SUBMISSION)}),
    "submission_page": Visit("GET", HOMEWORK + "/submissions/{submission}",
                             "401 401 404 200 404 404 404 200 200 404"),
    "grades_page": Visit("GET", HOMEWORK + "/grades.csv", "401 401 404 403 403 404 404 200 200 404"),
    "regrade_preview_page": Visit(
        "POST", HOMEWORK + "/regrade-previews", "401 401 404 403 403 404 404 303 303 404"
    ),
    "regrade_page": Visit("POST", HOMEWORK + "/regrades", "401 401 404 403 403 404 404 303 303 404"),
    "regrade_job_page": Visit("GET", HOMEWORK + "/regrades/{regrade}",
                              "401 401 404 403 403 404 404 200 200 404"),
    "report_page": Visit("GET", "/reports/{report}", "401 401 404 200 404 404 404 200 200 404"),
    "report_file": Visit("GET", "/reports/{report}/file", "401 401 404 200 404 404 404 200 200 404"),
    "batches_page": Visit("GET", "/batches", "401 401 200 403 403 403 403 200 200 200"),
    "create_batch_page": Visit("POST", "/batches", "401 401 303 403 403 403 403 303 303 303",
                               {"text": as_text(EXAMPLE)}),
    "batch_page": Visit("GET", BATCH, "401 401 404 403 403 403 403 200 404 404"),
    "cancel_batch_page": Visit("POST", BATCH + "/cancel", "401 401 404 403 403 403 403 303 404 404"),
    "follow_batch_page": Visit("GET", BATCH + "/events", "401 401 404 403 403 403 403 200 404 404"),
}  # fmt: skip
ROUTES = [route for pages in PAGES for route in pages.router.routes if isinstance(route, PageRoute)]


def ask(prepared: PreparedService, row: Visit, caller: str) -> Any:
    token = token_of(prepared.headers[caller]) or ("nonsense" if caller == "malformed" else "")
    visitor = Visitor(prepared.client, token)
    path = row.path.format(**prepared.ids)
    if row.method == "GET":
        return visitor.get(path)
    return visitor.send(path, **(row.fields or {}))


@pytest.fixture(scope="module")
def site(serve: Serve) -> PreparedService:
    return prepare_service(serve(oracles="backpropagation"))


def test_the_table_names_every_page_and_no_other() -> None:
    routes = {str(route.operation_id): (route.path, route.methods) for route in ROUTES}
    assert TABLE.keys() == routes.keys(), "give every page its row"
    assert all(TABLE[name].method in (methods or ()) for name, (_, methods) in routes.items())


def test_no_page_is_in_the_openapi_document(site: PreparedService) -> None:
    paths = site.client.get("/openapi.json").json()["paths"]
    assert not paths.keys() & {route.path for route in ROUTES}


@pytest.mark.parametrize("name", TABLE)
def test_each_visitor_gets_what_the_table_says(site: PreparedService, name: str) -> None:
    row = TABLE[name]

    def check(caller: str) -> None:
        answer = ask(site, row, caller)
        assert answer.status_code == row.status(caller), answer.text
        assert "'unsafe" not in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        if answer.status_code >= 400:
            assert answer.headers["content-type"].startswith("text/html")
            assert "<h1>" in answer.text
        if caller not in ("none", "malformed", "unknown", "expired", "revoked") and name != "login_page":
            assert answer.headers["cache-control"] == "no-store"

    check_rows(check, CALLERS)


def test_the_documentation_has_the_same_table() -> None:
    lines = (Path(__file__).parents[3] / "docs" / "site.md").read_text(encoding="utf-8").splitlines()
    documented = {line.split("|")[1].strip(): line for line in lines if re.match(r"\| `(GET|POST) ", line)}
    for name, row in TABLE.items():
        if name in ("log_in", "log_out"):  # what these answer depends on what is sent, not on who sends it
            continue
        path = re.sub(r"\{\w+\}", "ID", row.path).replace("pytorch", "NAME")
        cells = [cell.strip(" ¹") for cell in documented[f"`{row.method} {path}`"].split("|")[2:-1]]
        none, bad, ci, student, classmate, elsewhere, _, owner, _, stranger = row.outcomes.split()
        expected = [none, bad, ci, student, classmate, elsewhere, owner, stranger]
        assert cells == [status.replace("200", "yes") for status in expected], name


def test_the_cookie_opens_nothing_of_the_api(site: PreparedService) -> None:
    visitor = Visitor(site.client, token_of(site.headers["owner"]))

    def check(operation: str) -> None:
        row = API[operation]
        answer = visitor.ask(row.method, row.path.format(**site.ids), {}, json=row.body)
        assert answer.status_code == row.status("none")

    check_rows(check, API)


@pytest.fixture(scope="module")
def closed_site(serve: Serve) -> PreparedService:
    return prepare_service(serve(oracles="backpropagation", open_checks=False))


@pytest.mark.parametrize("name", ["check_page", "example_page"])
def test_closed_checks_are_closed_on_the_page_too(closed_site: PreparedService, name: str) -> None:
    statuses = {caller: ask(closed_site, TABLE[name], caller).status_code for caller in CALLERS}
    assert statuses == {caller: CLOSED.get(caller, 200) for caller in CALLERS}


def test_what_a_token_does_not_open_looks_like_what_does_not_exist(site: PreparedService) -> None:
    visitor = Visitor(site.client, token_of(site.headers["elsewhere"]))
    for name in ("assignment_page", "submission_page", "report_page"):
        path = TABLE[name].path
        there, nowhere = path.format(**site.ids), path.format(**dict.fromkeys(site.ids, "0" * 32))
        assert visitor.get(there).text.replace(there, "") == visitor.get(nowhere).text.replace(nowhere, "")
