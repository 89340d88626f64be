"""PrairieLearn's results.json: a score from 0 to 1, a test a parameter; at most 1 MiB.

It has no place hidden from students. What is malformed is not gradable, so that no attempt is lost.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from verifier.documents.json_text import write
from verifier.exporters.exporter import ExportChoices
from verifier.exporters.fitting import MIB, fitted
from verifier.exporters.graded import Graded, graded, remarks
from verifier.exporters.harmless import clipped
from verifier.points import earned, rounded, worth
from verifier.sourced import Sourced

_MOST_ERRORS = 100


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give one document of all submissions; with too many parameters, the last become one test."""
    errors = [clipped(complaint, 500) for own in reports for complaint in own.complaints]
    if errors or not reports:  # nothing handed in would have every point there is
        message = "the submission could not be judged; no attempt was used up"
        return write({"gradable": False, "message": message, "format_errors": errors[:_MOST_ERRORS]})
    rows = graded(reports, choices)
    return fitted(partial(_document, rows, remarks(reports)), len(rows), MIB)


def _document(rows: Sequence[Graded], told: str, most: int) -> str:
    if most < len(rows):
        rows = sorted(rows, key=lambda row: row.score.passed)  # what fails is shown
    scores = [row.score for row in rows]
    of = worth(scores)
    tests = [_test(row) for row in rows[:most]]
    if rest := scores[most:]:
        name = f"{len(rest)} more parameters"
        tests.append({"name": name, "points": earned(rest), "max_points": worth(rest)})
    return write(
        {
            "gradable": True,
            "score": min(1.0, earned(scores) / of) if of else float(all(s.passed for s in scores)),
            "message": told.splitlines()[0],
            "output": told,
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
