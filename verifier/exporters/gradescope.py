"""Gradescope's results.json: a test a parameter, with points.

Students read what students may see. In a grader's report the whole text stands in a test that is hidden from
students; Gradescope then hides their total score from them too, so ask for the student's audience to show it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from verifier.documents.json_text import write
from verifier.exporters import text
from verifier.exporters.exporter import ExportChoices
from verifier.exporters.graded import graded, remarks
from verifier.exporters.harmless import clipped
from verifier.exporters.paths import paths_of
from verifier.points import earned, rounded
from verifier.report import Audience
from verifier.sourced import Sourced

_LONGEST = 100_000


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give one document of all submissions; a malformed one is a failed test."""
    rows = graded(reports, choices)
    tests: list[dict[str, Any]] = [
        {
            "name": row.name,
            "number": row.number,
            "score": rounded(row.score.earned),
            "max_score": rounded(row.score.worth),
            "status": "passed" if row.score.passed else "failed",
            "output": row.text,
            "visibility": "visible",
        }
        for row in rows
    ]
    return write(
        {
            "score": earned(row.score for row in rows),
            "output": remarks(reports),
            "output_format": "text",
            "test_output_format": "text",
            "test_name_format": "text",
            "stdout_visibility": "hidden",
            "tests": [*tests, *hidden(reports)],
        }
    )


def hidden(reports: Sequence[Sourced]) -> Iterator[dict[str, Any]]:
    """Give the tests that hold what graders may see, if any report is a grader's."""
    for own, path in zip(reports, paths_of(reports), strict=True):
        if own.report is not None and own.report.audience is Audience.GRADER:
            yield {
                "name": f"for instructors: {path}",
                "status": "passed" if own.report.verdict == "correct" else "failed",
                "score": 0.0,
                "max_score": 0.0,
                "output": clipped(text.of_report(own.report), _LONGEST),
                "visibility": "hidden",
            }
