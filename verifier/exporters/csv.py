"""Export comma-separated values for grade books and spreadsheets, one row per parameter.

Text that a spreadsheet would treat as a formula gets an apostrophe in front.
"""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

from verifier.exporters.exporter import ExportOptions
from verifier.report import wording
from verifier.report.outcome import FileOutcome
from verifier.report.points import round_points, score_outcome
from verifier.report.report import Report
from verifier.report.wording import spreadsheet_cell

_MEASURES = ("max_abs_error", "max_rel_error", "relative_norm_error", "cosine", "ratio")
_COUNTS = ("correct", "incorrect", "undecided", "uninformative")
COLUMNS = (
    "source", "name", "status", "parameter", "shape", "verdict", *_COUNTS, *_MEASURES,
    "bug", "layer", "equation", "earned", "worth", "complaint",
)  # fmt: skip


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return one table of all submissions, with a header."""
    stream = StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for outcome in reports:
        writer.writerows(_rows(outcome, choices))
    return stream.getvalue().rstrip("\n")


def _rows(outcome: FileOutcome, choices: ExportOptions) -> Iterator[dict[str, object]]:
    common: dict[str, object] = {
        "source": spreadsheet_cell(outcome.source),
        "name": spreadsheet_cell(outcome.title),
        "status": wording.status(outcome.status),
    }
    for score in score_outcome(outcome, choices.points):
        row = common | {"earned": round_points(score.earned), "worth": round_points(score.worth)}
        if outcome.report is None:
            yield row | {"complaint": spreadsheet_cell("; ".join(outcome.complaints))}
        else:
            yield (
                row
                | {"parameter": spreadsheet_cell(score.name)}
                | _parameter_columns(outcome.report, score.name)
            )


def _parameter_columns(report: Report, name: str) -> dict[str, object]:
    row = report.parameters.get(name)
    if row is None:
        complaint = "" if report.parameters else "parameters are withheld"
        return {"complaint": complaint or "the network has no such parameter"}
    columns: dict[str, object] = {"shape": "x".join(map(str, row.shape)), "verdict": row.verdict}
    if row.counted:
        columns |= {count: getattr(row, count) for count in _COUNTS}
        columns |= {measure: wording.format_measure(getattr(row, measure), ".17g") for measure in _MEASURES}
    rows = list(wording.diagnoses_of(report, name))
    if rows and row.verdict != "correct":
        first = rows[0]
        layer = name.split(".")[1] if first.layers else "" if first.layer is None else first.layer
        columns |= {"bug": first.bug, "layer": layer, "equation": first.equation}
    return columns
