"""`gradjury token`: secrets are printed once and kept as digests; mistakes are told all at once, with 2."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.command_line import cli
from api.service import utc_now
from api.services.tokens import authenticate
from api.storage.database import open_repository
from api.storage.records import Role, RosterEntry, StoredAssignment
from tests.api.conftest import DATABASES
from tests.verifier.builders import small_document
from verifier.documents.assignment import read_assignment_or_problem

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, fresh_database: Callable[[str], str]) -> str:
    url = fresh_database(request.param)
    repository = open_repository(url)
    repository.assignments.add(
        StoredAssignment("hw1", "prof", read_assignment_or_problem(small_document()), 1, NOON)
    )
    repository.close()
    return url


def empty_database(folder: Path) -> str:
    url = f"sqlite:///{folder / 'gradjury.sqlite'}"
    open_repository(url).close()
    return url


def token(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["token", *arguments, "--database-url", url])


def authenticated(url: str, text: str, moment: datetime | None = None):
    repository = open_repository(url)
    try:
        return authenticate(repository.tokens, text, moment or utc_now())
    finally:
        repository.close()


def test_a_token_is_printed_alone_and_proves_its_holder(database: str) -> None:
    made = token(database, "create", "--role", "student", "--subject", "ada", "--assignment", "hw1")
    assert (made.exit_code, made.stderr) == (0, "")
    (text,) = made.stdout.splitlines()
    stored = authenticated(database, text)
    assert (stored.role, stored.subject, stored.assignments) == (Role.STUDENT, "ada", frozenset({"hw1"}))
    assert stored.expires is None


def test_a_lifetime_ends_the_token(database: str) -> None:
    text = token(database, "create", "--role", "ci", "--subject", "runner", "--expires", "30d").stdout.strip()
    assert authenticated(database, text, utc_now() + timedelta(days=29, hours=23)) is not None
    assert authenticated(database, text, utc_now() + timedelta(days=30, hours=1)) is None


def test_the_secret_is_not_in_the_database(tmp_path: Path) -> None:
    file = tmp_path / "gradjury.sqlite"
    empty_database(tmp_path)
    text = token(f"sqlite:///{file}", "create", "--role", "grader", "--subject", "prof").stdout.strip()
    secret = text.split("_", 2)[2]
    with sqlite3.connect(file) as connection:
        assert secret not in "\n".join(connection.iterdump())
    connection.close()
    assert secret not in token(f"sqlite:///{file}", "list").stdout


def test_the_list_shows_state_and_a_revoked_token_opens_nothing(database: str) -> None:
    text = token(database, "create", "--role", "grader", "--subject", "prof").stdout.strip()
    token_id = text.split("_")[1]
    assert f"{token_id}  grader   valid" in token(database, "list").stdout
    assert token(database, "revoke", token_id).exit_code == 0
    assert f"{token_id}  grader   revoked" in token(database, "list").stdout
    assert authenticated(database, text) is None


def test_revoking_what_does_not_exist_is_refused(database: str) -> None:
    refused = token(database, "revoke", "0123456789abcdef")
    assert refused.exit_code == 2
    assert "gradjury token list" in refused.stderr


def test_a_file_of_names_gives_a_table_of_name_and_token(database: str, tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("ada\n\nGrace, H.\n=cmd()\n", encoding="utf-8")
    made = token(database, "create", "--role", "student", "--subjects", str(file), "--assignment", "hw1")
    header, *rows = made.stdout.splitlines()
    assert header == "name,token"
    assert [row.rpartition(",")[0] for row in rows] == ["ada", '"Grace, H."', "'=cmd()"]
    assert [authenticated(database, row.rpartition(",")[2]).subject for row in rows] == [
        "ada",
        "Grace, H.",
        "=cmd()",
    ]


def test_a_file_with_ids_of_a_learning_management_system_fills_the_roster(
    database: str, tmp_path: Path
) -> None:
    file = tmp_path / "class.csv"
    file.write_text('name, lms_id\nada,4711\n"Grace, H.",\nbob, 12 \n', encoding="utf-8")
    made = token(database, "create", "--role", "student", "--subjects", str(file), "--assignment", "hw1")
    assert [row.rpartition(",")[0] for row in made.stdout.splitlines()[1:]] == ["ada", '"Grace, H."', "bob"]
    repository = open_repository(database)
    assert repository.roster.entries("hw1") == [RosterEntry("ada", "4711"), RosterEntry("bob", "12")]
    repository.close()


@pytest.mark.parametrize("command", [["list"], ["create", "--role", "ci", "--subject", "x"]])
def test_a_token_is_never_made_in_a_database_that_no_service_has(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRADJURY_DATABASE_URL", raising=False)
    refused = CliRunner().invoke(cli.app, ["token", *command])
    assert (refused.exit_code, refused.stdout) == (2, "")
    for words in (
        f"no database at {tmp_path / 'gradjury.sqlite'}",
        "folder of the service",
        "--database-url",
    ):
        assert words in refused.stderr
    assert list(tmp_path.iterdir()) == []


MISTAKEN = {
    "a role that is none": (["--role", "teacher", "--subject", "x"], ["--role", "'teacher'"]),
    "a student without assignment": (["--role", "student", "--subject", "x"], ["--assignment", "none"]),
    "an unknown assignment": (["--role", "ci", "--subject", "x", "--assignment", "hw9"], ["'hw9'"]),
    "an empty subject": (["--role", "ci", "--subject", ""], ["1 to 200"]),
    "a long subject": (["--role", "ci", "--subject", "x" * 201], ["201 characters"]),
    "a subject with a line break": (["--role", "ci", "--subject", "a\nb"], ["printable"]),
    "no subject": (["--role", "ci"], ["--subject NAME", "--subjects FILE"]),
    "a file that is not there": (["--role", "ci", "--subjects", "absent.txt"], ["absent.txt"]),
    "a lifetime without unit": (["--role", "ci", "--subject", "x", "--expires", "30"], ["30d"]),
    "a lifetime of nothing": (["--role", "ci", "--subject", "x", "--expires", "0d"], ["30d"]),
    "a lifetime of ages": (["--role", "ci", "--subject", "x", "--expires", "999999w"], ["3650 days"]),
    "all at once": (
        ["--role", "student", "--subject", "x" * 201, "--assignment", "hw8", "--assignment", "hw9",
         "--expires", "soon"],
        ["201", "'hw8'", "'hw9'", "'soon'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKEN)
def test_mistakes_are_told_all_at_once_and_nothing_is_made(case: str, tmp_path: Path) -> None:
    arguments, words = MISTAKEN[case]
    url = empty_database(tmp_path)
    refused = token(url, "create", *arguments)
    assert (refused.exit_code, refused.stdout) == (2, "")
    for word in words:
        assert word in refused.stderr
    assert token(url, "list").stdout == ""


def test_a_name_twice_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("ada\nada\n", encoding="utf-8")
    url = empty_database(tmp_path)
    refused = token(url, "create", "--role", "ci", "--subjects", str(file))
    assert (refused.exit_code, "more than once" in refused.stderr) == (2, True)


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:secret@h/n", "sqlite:////no/such/folder/x.sqlite"])
def test_a_database_that_cannot_be_opened_is_refused_without_its_password(url: str) -> None:
    refused = token(url, "list")
    assert refused.exit_code == 2
    assert refused.stderr
    assert "secret" not in refused.stderr
