"""Export result.json of Classroom 50 (`classroom50/result/v1`): whole points, at most 100 tests.

Environment variables of the Classroom 50 runner provide the fields about the classroom and the commit.
Students see the release, so the document contains the student's view only.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from verifier.documents.json import to_json
from verifier.exporters.common import ScoredRow, scored_rows
from verifier.exporters.exporter import ExportOptions
from verifier.report.outcome import FileOutcome
from verifier.report.points import as_integers
from verifier.report.wording import truncate_line

_MOST = 100
_LONGEST_NAME = 100  # bytes
# field: its environment variable, and its value outside a classroom
_CONTEXT_VARIABLES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "classroom": ("CLASSROOM", "none"),
        "assignment": ("ASSIGNMENT", "none"),
        "assignment_type": ("ASSIGNMENT_TYPE", "individual"),
        "owner": ("OWNER", "nobody"),
        "submission": ("SUBMISSION_TAG", "submit/none"),
        "commit": ("COMMIT_URL", "none"),
        "release": ("RELEASE_URL", "none"),
        "review": ("REVIEW_URL", "none"),
    }
)
VARIABLES = (*(variable for variable, _ in _CONTEXT_VARIABLES.values()), "USERNAME")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3])-([0-5]\d)-([0-5]\d)Z")


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return one document of all submissions."""
    rows = scored_rows(reports, choices)
    shown_count = len(rows)
    if shown_count > _MOST:
        rows = sorted(rows, key=lambda row: row.score.passed)  # failed tests first
        shown_count = _MOST - 1
    points = as_integers([row.score for row in rows])
    tests = [
        _test(row, *earned_and_worth)
        for row, earned_and_worth in zip(rows[:shown_count], points, strict=False)
    ]
    if rest := rows[shown_count:]:
        tests.append(
            {
                "test-name": f"{len(rest)} more parameters",
                "passed": all(row.score.passed for row in rest),
                "score": sum(earned for earned, _ in points[shown_count:]),
                "max-score": sum(worth for _, worth in points[shown_count:]),
            }
        )
    context = _context(choices.environment)
    return to_json(
        {
            "schema": "classroom50/result/v1",
            **context,
            "datetime": _submission_time(context["submission"], choices.moment),
            "score": sum(earned for earned, _ in points),
            "max-score": sum(worth for _, worth in points),
            "tests": tests,
        }
    )


def _test(row: ScoredRow, score: int, most: int) -> dict[str, Any]:
    return {
        "test-name": _name_end(row.name),
        "passed": row.score.passed,
        "score": score,
        "max-score": most,
        "message": row.text,
    }


def _name_end(name: str) -> str:
    """Return the end of a long name, since its beginning is a path and its end distinguishes it."""
    content = name.encode()
    if len(content) <= _LONGEST_NAME:
        return name
    mark = "…"
    return mark + content[len(mark.encode()) - _LONGEST_NAME :].decode("utf-8", "ignore")


def _context(environment: Mapping[str, str]) -> dict[str, str]:
    variables = {"OWNER": environment.get("USERNAME", "")} | {k: v for k, v in environment.items() if v}
    values = {field: variables.get(name) or default for field, (name, default) in _CONTEXT_VARIABLES.items()}
    values = {field: truncate_line(value, 1000) for field, value in values.items()}
    if values["assignment_type"] not in ("individual", "group"):
        values["assignment_type"] = "individual"
    if not values["submission"].startswith("submit/"):
        values["submission"] = f"submit/{values['submission']}"
    return values


def _submission_time(tag: str, moment: datetime) -> str:
    """Return the time in the tag, or the time of the check if it has none."""
    if match := _TIME.search(tag):
        return "{}T{}:{}:{}Z".format(*match.groups())
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
