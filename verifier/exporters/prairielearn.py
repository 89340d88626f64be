"""Export results.json for PrairieLearn: a score from 0 to 1, a test per parameter, at most 1 MiB.

Students see all of it, so it contains the student's view only. A malformed submission is not gradable, and
thus uses up no attempt.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from verifier.documents.json import to_json
from verifier.exporters.common import MIB, ScoredRow, fit_to_size, scored_rows, summary_text
from verifier.exporters.exporter import ExportOptions
from verifier.report.outcome import FileOutcome
from verifier.report.points import earned, round_points, worth
from verifier.report.wording import truncate_text

_MOST_ERRORS = 100


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return one document of all submissions; if it is too large, the last parameters become one test."""
    errors = [truncate_text(complaint, 500) for outcome in reports for complaint in outcome.complaints]
    if errors or not reports:  # without submissions, the score would be 0 of 0 points
        message = "the submission could not be judged; no attempt was used up"
        return to_json({"gradable": False, "message": message, "format_errors": errors[:_MOST_ERRORS]})
    rows = scored_rows(reports, choices)
    return fit_to_size(partial(_document, rows, summary_text(reports)), len(rows), MIB)


def _document(rows: Sequence[ScoredRow], output: str, shown_count: int) -> str:
    if shown_count < len(rows):
        rows = sorted(rows, key=lambda row: row.score.passed)  # failed tests are shown first
    scores = [row.score for row in rows]
    total = worth(scores)
    tests = [_test(row) for row in rows[:shown_count]]
    if rest := scores[shown_count:]:
        name = f"{len(rest)} more parameters"
        tests.append({"name": name, "points": earned(rest), "max_points": worth(rest)})
    return to_json(
        {
            "gradable": True,
            "score": min(1.0, earned(scores) / total) if total else float(all(s.passed for s in scores)),
            "message": output.splitlines()[0],
            "output": output,
            "tests": tests,
        }
    )


def _test(row: ScoredRow) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": row.name,
        "points": round_points(row.score.earned),
        "max_points": round_points(row.score.worth),
        "message": row.message,
    }
    return test | ({"output": row.hints} if row.hints else {})
