"""The page on the service says what its settings are, and what the table of access is."""

import os
from pathlib import Path

import pytest

from api.settings import Settings
from tests.api.test_access import TABLE

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
IN_WORDS = {"GRADJURY_ORACLES": "all", "GRADJURY_PROCESSES": "cores"}
IN_WORDS |= {"GRADJURY_TOLERANCE": "the document's", "GRADJURY_ROOT_PATH": "(empty)"}
COLUMNS = ("none", "unknown", "ci", "student", "classmate", "elsewhere", "owner", "stranger")


def rows(heading: str) -> list[list[str]]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in cells]


def test_every_setting_has_its_row_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GRADJURY_")]:
        monkeypatch.delenv(name)
    said = {variable.strip("`"): default.strip("`") for variable, default, _ in rows("Limits and settings")}
    settings = Settings()
    known = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        variable = f"GRADJURY_{name.upper()}"
        plain = (
            str(value).lower()
            if isinstance(value, bool)
            else f"{value:g}"
            if isinstance(value, float)
            else str(value)
        )
        known[variable] = IN_WORDS.get(variable, plain)
    assert said == known


def test_every_call_has_its_row_as_the_table_of_access_has_it() -> None:
    roles = {}
    for call, *cells in rows("Tokens and who may do what"):
        roles[call.strip("`")] = [cell.rstrip("¹²³⁴⁵") for cell in cells]
    wanted = {}
    for operation, row in TABLE.items():
        path = (
            row.path.partition("?")[0].replace("homework", "assignment_id").replace("spare", "assignment_id")
        )
        path = path.replace("{submission}", "{submission_id}").replace("{report}", "{report_id}")
        path = (
            path.replace("{token}", "{token_id}")
            .replace("{batch}", "{batch_id}")
            .replace("{regrade}", "{job_id}")
        )
        path = path.replace("pytorch", "{name}")
        statuses = [row.status(caller) for caller in COLUMNS]
        if operation == "submit":  # the table's row names a student, whom a classmate may not submit for
            statuses[COLUMNS.index("classmate")] = 201
        if operation == "delete_assignment":  # the table's row has submissions, which are to be kept
            statuses[COLUMNS.index("owner")] = 204
        wanted[f"{row.method} {path}"] = ["yes" if each < 400 else str(each) for each in statuses]
    assert roles == wanted
