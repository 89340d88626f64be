"""Export results.json for Gradescope in the form of Otter-Grader 7: a public summary, then scored tests.

Each parameter is a test, as each test file is in Otter. A grader's report adds tests that are hidden from
students, as in `gradescope`.
"""

from collections.abc import Sequence
from typing import Any

from verifier.documents.json import to_json
from verifier.exporters.common import scored_rows, summary_text
from verifier.exporters.exporter import ExportOptions
from verifier.exporters.gradescope import hidden
from verifier.report.outcome import FileOutcome
from verifier.report.points import earned, round_points


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return one document of all submissions; internal errors have the same test as in Otter."""
    rows = scored_rows(reports, choices)
    tests: list[dict[str, Any]] = []
    if any(outcome.broken for outcome in reports):
        tests.append(
            {
                "name": "Autograder Failed",
                "visibility": "visible",
                "output": "The autograder failed to produce all results. Please alert your instructor.",
                "status": "failed",
            }
        )
    tests.append(
        {
            "name": "Public Tests",
            "visibility": "visible",
            "output": summary_text(reports),
            "status": "passed" if rows and all(row.score.passed for row in rows) else "failed",
        }
    )
    for row in rows:
        tests.append(
            {
                "name": row.name,
                "score": round_points(row.score.earned),
                "max_score": round_points(row.score.worth),
                "visibility": "visible",
                "output": row.text,
            }
        )
    total = earned(row.score for row in rows)
    return to_json(
        {"tests": [*tests, *hidden(reports)], "stdout_visibility": "after_published", "score": total}
    )
