"""Grades as comma-separated values, a row a student."""

import csv
from collections.abc import Sequence
from io import StringIO

from api.services.classes import Standing
from verifier.exporters.harmless import cell
from verifier.points import rounded

_COLUMNS = ("student", "verdict", "earned", "worth", "attempt", "attempts", "received")


def grades_csv(rows: Sequence[Standing]) -> str:
    """Give the table, a column a parameter at its end. Names that would be formulas are quoted."""
    names = list(dict.fromkeys(name for row in rows for name in row.result.parameters))
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*_COLUMNS, *names])
    for row in rows:
        result = row.result
        writer.writerow(
            [
                cell(row.submission.student),
                result.verdict or "not judged",
                rounded(result.earned),
                rounded(result.worth),
                row.submission.attempt,
                row.attempts,
                row.submission.received.isoformat(),
                *(result.parameters.get(name, "") for name in names),
            ]
        )
    return stream.getvalue()
