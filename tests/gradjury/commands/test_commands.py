"""The commands that call a service, as a grader and a student use them, and what they say of mistakes."""

import csv
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import httpx2
import pytest
import typer
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

import gradjury
from api.storage.records import Role
from gradjury.client.logins import logins_file
from gradjury.commands import add_commands, session
from tests.api.clients import WRONG, person, problem_of
from tests.api.conftest import Serve
from tests.api.pages.clients import Visitor, as_text
from tests.gradjury.client.conftest import no_logins, serve, service

__all__ = ["no_logins", "serve", "service"]
Run = Callable[..., Result]
ASSIGNMENT = {"title": "Homework 1", "points": 10, "problem": problem_of(WRONG)}
URL = "http://testserver"
CLIENT = httpx2.Client


def token_of(service: TestClient, role: Role, subject: str, *assignments: str) -> str:
    return person(service, role, subject, *assignments).headers["authorization"].split()[1]


def call_through(monkeypatch: pytest.MonkeyPatch, transport: httpx2.BaseTransport) -> None:
    """Let new clients use a transport in place of the network."""
    monkeypatch.setattr(httpx2, "Client", lambda **options: CLIENT(**options | {"transport": transport}))


@pytest.fixture
def run(service: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command against the service of this process, in a folder with an assignment and gradients."""
    monkeypatch.chdir(tmp_path)
    call_through(monkeypatch, service._transport)
    Path("hw.json").write_text(json.dumps(ASSIGNMENT))
    Path("wrong.json").write_text(json.dumps(WRONG["gradients"]))
    app = typer.Typer()
    add_commands(app)

    def command(*arguments: str, status: int = 0, typed: str | None = None) -> Result:
        result = CliRunner().invoke(app, arguments, input=typed)
        assert result.exit_code == status, result.output
        return result

    return command


@pytest.fixture
def prof(run: Run, service: TestClient) -> Run:
    """The same, logged in as a grader."""
    run("login", URL, typed=token_of(service, Role.GRADER, "prof") + "\n")
    return run


def create(run: Run, *changes: str) -> str:
    """Create an assignment; return its id."""
    created = run("assignment", "create", "hw.json").stdout.strip()
    if changes:
        run("assignment", "edit", created, *changes)
    return created


def test_a_login_is_kept_listed_and_forgotten(run: Run, service: TestClient) -> None:
    token = token_of(service, Role.GRADER, "prof")
    answer = run("login", f"{URL}/", typed=f"{token}\n")
    assert answer.stdout == f"logged in to {URL} as prof (grader); the token is in {logins_file()}\n"
    assert "not encrypted" in answer.stderr
    assert run("login").stdout == f"* {URL}  prof (grader)\n"
    assert run("status").stdout.startswith(f"{URL} as prof (grader)\n")
    assert run("logout").stdout == f"logged out of {URL}\n"
    assert "gradjury login URL" in run("status", status=2).stderr
    assert "unknown, expired or revoked" in run("login", URL, "--token", "gradjury_x_y", status=2).stderr
    assert "got nothing" in run("login", URL, typed="\n", status=2).stderr
    assert not logins_file().exists() or token not in logins_file().read_text()


def test_an_assignment_lives_from_creation_to_deletion(prof: Run) -> None:
    created = create(prof)
    assert created in prof("assignment", "list").stdout
    edited = prof("assignment", "edit", created, "--attempts", "3", "--closes", "2030-12-07T18:00+01:00")
    assert "attempts      3\n" in edited.stdout
    assert "students see  verdict, parameters, layer, hint\n" in edited.stdout
    for points in ("layers.0.weight=3,layers.1.weight=2.5", '{"layers.0.weight": 3, "layers.1.weight": 2.5}'):
        by_name = prof("assignment", "edit", created, "--points", points).stdout
        assert 'points        {"layers.0.weight": 3.0, "layers.1.weight": 2.5}' in by_name
    assert (
        "--points: expected a number"
        in prof("assignment", "edit", created, "--points", "ten", status=2).stderr
    )
    shown = json.loads(prof("assignment", "show", created, "--format", "json").stdout)
    assert (shown["attempts"], shown["problem"]["network"]) == (3, WRONG["network"])
    prof("assignment", "show", created, "--output", "shown.json")
    shown["title"] = "Homework 2"
    Path("shown.json").write_text(json.dumps(shown))
    assert "Homework 2" in prof("assignment", "edit", created, "--file", "shown.json").stdout
    assert "state         closed\n" in prof("assignment", "close", created).stdout
    assert "state         open\n" in prof("assignment", "reopen", created).stdout
    copied = prof("assignment", "copy", created, "--title", "Copy").stdout.strip()
    listed = json.loads(prof("assignment", "list", "--format", "json").stdout)
    assert {row["title"] for row in listed} >= {"Homework 2", "Copy"}
    prof("submit", created, "wrong.json", "--student", "ada", status=1)
    assert "handed in" in prof("assignment", "delete", created, status=2).stderr
    prof("assignment", "delete", created, "--with-submissions")
    prof("assignment", "delete", copied)
    assert created not in prof("assignment", "list").stdout


def test_a_class_submits_and_is_graded(prof: Run, service: TestClient) -> None:
    created = create(prof, "--title", "Class")
    Path("class.csv").write_text("name,lms\nada,4711\nbob\n")
    roster = prof("roster", created, "--names", "class.csv", "--tokens", "tokens.csv").stdout
    assert "ada      4711    valid  silent" in roster
    assert Path("tokens.csv").stat().st_mode & 0o777 == 0o600
    assert "tokens.csv exists" in prof("roster", created, "--tokens", "tokens.csv", status=2).stderr
    head, ada, _ = Path("tokens.csv").read_text().splitlines()
    assert head == "name,token"
    prof("login", URL, typed=ada.split(",")[1])
    report = prof("submit", "class", "wrong.json", status=1).stdout  # by the beginning of its title
    assert report.startswith("Class: incorrect\n")
    assert "preactivation-as-input" not in report
    (row,) = json.loads(prof("status", created, "--format", "json").stdout)
    again = prof("report", row["report"], "--format", "json", "--output", "report.json")
    assert again.stdout == ""
    assert json.loads(Path("report.json").read_text())["audience"] == "student"
    assert f"ada      1        {row['received'][:10]}" in prof("status", created).stdout
    assert "grader" in prof("grades", created, status=2).stderr
    prof("login", URL, typed=token_of(service, Role.GRADER, "prof") + "\n")
    grades = prof("grades", created, "--counts", "best").stdout.splitlines()
    assert grades[1].startswith("ada,incorrect,7.5,10.0,1,1,")
    assert grades[2].startswith("bob,not submitted,0.0,10.0")
    assert [row["lms_id"] for row in json.loads(prof("roster", created, "--format", "json").stdout)] == [
        "4711",
        None,
    ]


def test_a_folder_is_one_batch_with_a_table(serve: Serve, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    judging = serve(oracles="backpropagation", answer_grid=0, worker=True)
    call_through(monkeypatch, judging._transport)
    run("login", URL, typed=token_of(judging, Role.GRADER, "prof") + "\n")
    created = create(run)
    for name, text in (("ada", json.dumps(WRONG["gradients"])), ("bob", "{")):
        Path("class", name).mkdir(parents=True)
        Path("class", name, "grads.json").write_text(text)
    answer = run("submit", created, "class", status=2)
    head, ada, bob = answer.stdout.splitlines()
    assert head.split() == ["student", "verdict", "report"]
    assert ada.startswith("ada      incorrect  ")
    assert bob.startswith("bob      refused    (document): expected JSON")
    assert answer.stderr.endswith(f"grades: gradjury grades {created}\n")
    assert run("report", ada.split()[2]).stdout.startswith("Homework 1: incorrect\n")
    right = json.loads(run("submit", created, "class/ada", "--format", "json", status=1).stdout)
    assert [(row["student"], row["state"], row["verdict"]) for row in right] == [
        ("grads", "judged", "incorrect")
    ]
    for options, words in (
        ("--student ada", "--student goes with one file"),
        ("--format html", "text or json"),
    ):
        assert words in run("submit", created, "class", *options.split(), status=2).stderr


def test_a_receipt_tells_nothing_where_students_see_nothing(prof: Run, service: TestClient) -> None:
    created = create(prof, "--students-see", "nothing", "--attempts", "1")
    prof("login", URL, typed=token_of(service, Role.STUDENT, "ada", created))
    assert prof("submit", created, "wrong.json").stdout.startswith("received; ")
    assert "all 1 attempts are used" in prof("submit", created, "wrong.json", status=2).stderr


MISTAKES: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "no such file": (("submit", "ID", "nothing.npz"), "nothing.npz: No such file or directory"),
        "no such assignment": (("submit", "Homework 9", "wrong.json"), "there is no assignment 'Homework 9'"),
        "an assignment as gradients": (
            ("submit", "ID", "hw.json", "--student", "eve"),
            "/gradients/title: expected",
        ),
        "no such format": (
            ("submit", "ID", "wrong.json", "--student", "eve", "--format", "jsno"),
            "did you mean 'json'",
        ),
        "nobody's gradients": (("submit", "ID", "wrong.json"), "--student"),
        "no such report": (("report", "0" * 32), "there is no such report"),
        "a day alone": (("assignment", "edit", "ID", "--closes", "2026-12-07"), "expected a day and a time"),
        "no moment": (("assignment", "edit", "ID", "--opens", "soon"), "a moment such as 2026-12-07T18:00"),
        "no number": (("assignment", "edit", "ID", "--attempts", "few"), "a number or 'none', got 'few'"),
        "no change": (("assignment", "edit", "ID"), "expected a field to change"),
        "no JSON": (("assignment", "edit", "ID", "--file", "names.csv"), "names.csv: expected JSON"),
        "a name twice": (("roster", "ID", "--names", "names.csv"), "line 2: expected every name once"),
        "no lifetime": (("roster", "ID", "--tokens", "t.csv", "--expires", "soon"), "/expires: expected a"),
        "a lifetime of nothing": (("roster", "ID", "--expires", "30d"), "--expires goes with --tokens"),
        "no address": (("status", "--server", "gradjury"), "such as http://127.0.0.1:8000"),
    }
)


@pytest.fixture(scope="module")
def shared(service: TestClient) -> tuple[str, str]:
    """A grader's token, and the id of an assignment."""
    grader = person(service, Role.GRADER, "sharer")
    created = grader.post("/v1/assignments", ASSIGNMENT).json()["id"]
    return grader.headers["authorization"].split()[1], created


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_remedy(
    mistake: str, run: Run, shared: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token, created = shared
    monkeypatch.setenv("GRADJURY_SERVER", URL)
    monkeypatch.setenv("GRADJURY_TOKEN", token)
    Path("names.csv").write_text("ada\nada\n")
    arguments, message = MISTAKES[mistake]
    result = run(*(created if each == "ID" else each for each in arguments), status=2)
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_service_that_does_not_answer_is_named_with_status_4(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("Connection refused")

    call_through(monkeypatch, httpx2.MockTransport(refuse))
    monkeypatch.setattr("gradjury.client.transport._FIRST_PAUSE", 0)
    result = run("status", "--server", "http://127.0.0.1:9", status=4)
    assert "http://127.0.0.1:9 cannot be reached (Connection refused)" in result.stderr


def test_the_shell_completes_ids(prof: Run) -> None:
    created = create(prof)
    assert (created, "Homework 1") in session.complete_assignment(created[:8])
    prof("logout")
    assert session.complete_assignment("") == []


def test_a_missing_package_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)  # an import of it fails
    for name in ("client", "calls", "transport"):
        monkeypatch.delitem(sys.modules, f"gradjury.client.{name}")
    assert "pip install 'gradjury[client]'" in run("status", status=2).stderr
    with pytest.raises(ImportError, match=r"gradjury\[client\]"):
        _ = gradjury.Client


def test_an_evening_leads_from_an_assignment_to_grades(
    run: Run, service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four commands of the professor; students submit by command, by Python and on the site."""
    names = [f"student{number:02d}" for number in range(40)]
    Path("class.csv").write_text("".join(f"{name},{4700 + place}\n" for place, name in enumerate(names)))
    run("login", URL, typed=token_of(service, Role.GRADER, "prof") + "\n")
    homework = run("assignment", "create", "hw.json").stdout.strip()
    run("roster", homework, "--names", "class.csv", "--tokens", "tokens.csv")
    tokens = dict(csv.reader(Path("tokens.csv").read_text().splitlines()[1:]))
    assert list(tokens) == names

    monkeypatch.setenv("GRADJURY_TOKEN", tokens["student00"])
    run("submit", "Homework 1", "wrong.json", status=1)
    monkeypatch.delenv("GRADJURY_TOKEN")
    with gradjury.Client(URL, tokens["student01"]) as client:
        assert not client.submit(homework, WRONG["gradients"]).report
    visitor = Visitor(service, tokens["student02"])
    answer = as_text({"gradients": WRONG["gradients"]})
    assert visitor.send(f"/assignments/{homework}/submissions", text=answer).status_code == 303

    rows = list(csv.DictReader(run("grades", homework).stdout.splitlines()))
    assert [row["student"] for row in rows] == names
    assert [row["verdict"] for row in rows] == ["incorrect"] * 3 + ["not submitted"] * 37
    assert {row["earned"] for row in rows[:3]} == {"7.5"}
