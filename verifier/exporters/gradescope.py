"""Export results.json for Gradescope: a test per parameter, with points.

Visible tests contain the student's view. A grader's report adds a hidden test with the full text. Gradescope
then hides the total score from students, too; reports for students have no hidden test.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from verifier.documents.json import to_json
from verifier.exporters.common import scored_rows, summary_text, unique_paths
from verifier.exporters.exporter import ExportOptions
from verifier.report.model import Audience
from verifier.report.outcome import FileOutcome
from verifier.report.points import earned, round_points
from verifier.report.text import report_text
from verifier.report.wording import truncate_text

_LONGEST = 100_000


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return one document of all submissions; a malformed one is a failed test."""
    rows = scored_rows(reports, choices)
    tests: list[dict[str, Any]] = [
        {
            "name": row.name,
            "number": row.number,
            "score": round_points(row.score.earned),
            "max_score": round_points(row.score.worth),
            "status": "passed" if row.score.passed else "failed",
            "output": row.text,
            "visibility": "visible",
        }
        for row in rows
    ]
    return to_json(
        {
            "score": earned(row.score for row in rows),
            "output": summary_text(reports),
            "output_format": "text",
            "test_output_format": "text",
            "test_name_format": "text",
            "stdout_visibility": "hidden",
            "tests": [*tests, *hidden(reports)],
        }
    )


def hidden(reports: Sequence[FileOutcome]) -> Iterator[dict[str, Any]]:
    """Yield a hidden test with the full text for each grader's report."""
    for outcome, path in zip(reports, unique_paths(reports), strict=True):
        if outcome.report is not None and outcome.report.audience is Audience.GRADER:
            yield {
                "name": f"for instructors: {path}",
                "status": "passed" if outcome.report.verdict == "correct" else "failed",
                "score": 0.0,
                "max_score": 0.0,
                "output": truncate_text(report_text(outcome.report), _LONGEST),
                "visibility": "hidden",
            }
