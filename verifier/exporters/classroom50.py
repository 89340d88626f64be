"""Classroom 50's result.json (`classroom50/result/v1`): whole points, at most 100 tests.

What the document repeats of its surroundings comes from the variables that Classroom 50's runner sets.
Students see its release, so it holds what students may see.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from verifier.documents.json_text import write
from verifier.exporters.exporter import ExportChoices
from verifier.exporters.graded import Graded, graded
from verifier.exporters.harmless import shortened
from verifier.points import in_whole_numbers
from verifier.sourced import Sourced

_MOST = 100
_LONGEST_NAME = 100  # bytes
# field: the variable that holds it, and what stands for it where there is no classroom
_SURROUNDINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
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
VARIABLES = (*(variable for variable, _ in _SURROUNDINGS.values()), "USERNAME")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3])-([0-5]\d)-([0-5]\d)Z")


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give one document of all submissions."""
    rows = graded(reports, choices)
    kept = len(rows)
    if kept > _MOST:
        rows, kept = sorted(rows, key=lambda row: row.score.passed), _MOST - 1  # what fails is shown
    points = in_whole_numbers([row.score for row in rows])
    tests = [_test(row, *own) for row, own in zip(rows[:kept], points, strict=False)]
    if rest := rows[kept:]:
        tests.append(
            {
                "test-name": f"{len(rest)} more parameters",
                "passed": all(row.score.passed for row in rest),
                "score": sum(own for own, _ in points[kept:]),
                "max-score": sum(of for _, of in points[kept:]),
            }
        )
    surroundings = _surroundings(choices.environment)
    return write(
        {
            "schema": "classroom50/result/v1",
            **surroundings,
            "datetime": _submitted(surroundings["submission"], choices.moment),
            "score": sum(own for own, _ in points),
            "max-score": sum(of for _, of in points),
            "tests": tests,
        }
    )


def _test(row: Graded, score: int, most: int) -> dict[str, Any]:
    return {
        "test-name": _ending(row.name),
        "passed": row.score.passed,
        "score": score,
        "max-score": most,
        "message": row.text,
    }


def _ending(name: str) -> str:
    """Give as much as fits of a name that begins with a path and ends with what tells it from others."""
    content = name.encode()
    if len(content) <= _LONGEST_NAME:
        return name
    mark = "…"
    return mark + content[len(mark.encode()) - _LONGEST_NAME :].decode("utf-8", "ignore")


def _surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    given = {"OWNER": environment.get("USERNAME", "")} | {k: v for k, v in environment.items() if v}
    found = {field: given.get(name) or default for field, (name, default) in _SURROUNDINGS.items()}
    found = {field: shortened(value, 1000) for field, value in found.items()}
    if found["assignment_type"] not in ("individual", "group"):
        found["assignment_type"] = "individual"
    if not found["submission"].startswith("submit/"):
        found["submission"] = f"submit/{found['submission']}"
    return found


def _submitted(tag: str, moment: datetime) -> str:
    """Give the time that the tag names, else when it was judged."""
    if named := _TIME.search(tag):
        return "{}T{}:{}:{}Z".format(*named.groups())
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
