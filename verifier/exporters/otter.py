"""Gradescope's results.json as Otter-Grader 7 writes it: the public summary first, then what earns points.

Where Otter has a test a file, here each parameter is one. A grader's report adds tests hidden from students,
as `gradescope` does.
"""

from collections.abc import Sequence
from typing import Any

from verifier.documents.json_text import write
from verifier.exporters.exporter import ExportChoices
from verifier.exporters.graded import graded, remarks
from verifier.exporters.gradescope import hidden
from verifier.points import earned, rounded
from verifier.sourced import Sourced


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give one document of all submissions; what broke in here is told as Otter tells it."""
    rows = graded(reports, choices)
    tests: list[dict[str, Any]] = []
    if any(own.broken for own in reports):
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
            "output": remarks(reports),
            "status": "passed" if rows and all(row.score.passed for row in rows) else "failed",
        }
    )
    for row in rows:
        tests.append(
            {
                "name": row.name,
                "score": rounded(row.score.earned),
                "max_score": rounded(row.score.worth),
                "visibility": "visible",
                "output": row.text,
            }
        )
    total = earned(row.score for row in rows)
    return write(
        {"tests": [*tests, *hidden(reports)], "stdout_visibility": "after_published", "score": total}
    )
