"""Comma-separated values for grade books and spreadsheets: a row a parameter.

What a spreadsheet would take for a formula is preceded by an apostrophe.
"""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

from verifier.exporters import diagnosis, sentences
from verifier.exporters.exporter import ExportChoices
from verifier.exporters.harmless import cell
from verifier.points import rounded, scores
from verifier.report import Report
from verifier.sourced import Sourced

_MEASURES = ("max_abs_error", "max_rel_error", "relative_norm_error", "cosine", "ratio")
_COUNTS = ("correct", "incorrect", "undecided", "uninformative")
COLUMNS = (
    "source", "name", "status", "parameter", "shape", "verdict", *_COUNTS, *_MEASURES,
    "bug", "layer", "equation", "earned", "worth", "complaint",
)  # fmt: skip


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give one table of all submissions, with a header."""
    stream = StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for own in reports:
        writer.writerows(_rows(own, choices))
    return stream.getvalue().rstrip("\n")


def _rows(own: Sourced, choices: ExportChoices) -> Iterator[dict[str, object]]:
    common: dict[str, object] = {
        "source": cell(own.source),
        "name": cell(own.title),
        "status": sentences.status(own.status),
    }
    for score in scores(own, choices.points):
        row = common | {"earned": rounded(score.earned), "worth": rounded(score.worth)}
        if own.report is None:
            yield row | {"complaint": cell("; ".join(own.complaints))}
        else:
            yield row | {"parameter": cell(score.name)} | _of_parameter(own.report, score.name)


def _of_parameter(report: Report, name: str) -> dict[str, object]:
    row = report.parameters.get(name)
    if row is None:
        known = "" if report.parameters else "parameters are withheld"
        return {"complaint": known or "the network has no such parameter"}
    found: dict[str, object] = {"shape": "x".join(map(str, row.shape)), "verdict": row.verdict}
    if row.counted:
        found |= {count: getattr(row, count) for count in _COUNTS}
        found |= {measure: sentences.measure(getattr(row, measure), ".17g") for measure in _MEASURES}
    rows = list(diagnosis.of_parameter(report, name))
    if rows and row.verdict != "correct":
        first = rows[0]
        layer = "" if first.layer is None else first.layer
        found |= {"bug": first.bug, "layer": layer, "equation": first.equation}
    return found
