"""Export results.json for PrairieLearn: a score from 0 to 1, a test per parameter, at most 1 MiB.

Students see all of it, so it contains the student's view only. A malformed submission is not gradable, and
thus uses up no attempt.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from verifier.documents.json import write
from verifier.exporters.common import MIB, Graded, fitted, graded, remarks
from verifier.exporters.exporter import ExportChoices
from verifier.report.outcome import Sourced
from verifier.report.points import earned, rounded, worth
from verifier.report.wording import clipped

_MOST_ERRORS = 100


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Return one document of all submissions; if it is too large, the last parameters become one test."""
    errors = [clipped(complaint, 500) for outcome in reports for complaint in outcome.complaints]
    if errors or not reports:  # without submissions, the score would be 0 of 0 points
        message = "the submission could not be judged; no attempt was used up"
        return write({"gradable": False, "message": message, "format_errors": errors[:_MOST_ERRORS]})
    rows = graded(reports, choices)
    return fitted(partial(_document, rows, remarks(reports)), len(rows), MIB)


def _document(rows: Sequence[Graded], output: str, shown_count: int) -> str:
    if shown_count < len(rows):
        rows = sorted(rows, key=lambda row: row.score.passed)  # failed tests are shown first
    scores = [row.score for row in rows]
    total = worth(scores)
    tests = [_test(row) for row in rows[:shown_count]]
    if rest := scores[shown_count:]:
        name = f"{len(rest)} more parameters"
        tests.append({"name": name, "points": earned(rest), "max_points": worth(rest)})
    return write(
        {
            "gradable": True,
            "score": min(1.0, earned(scores) / total) if total else float(all(s.passed for s in scores)),
            "message": output.splitlines()[0],
            "output": output,
            "tests": tests,
        }
    )


def _test(row: Graded) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": row.name,
        "points": rounded(row.score.earned),
        "max_points": rounded(row.score.worth),
        "message": row.message,
    }
    return test | ({"output": row.hints} if row.hints else {})
