"""Export the grades of a class as CSV: a row for each student, with points that add up.

A cell that spreadsheets would treat as a formula gets an apostrophe in front.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import PurePath

from verifier.documents.files import MATLAB_SUFFIX, SUFFIXES
from verifier.exporters.common import mistakes_of
from verifier.exporters.exporter import ExportOptions
from verifier.report import wording
from verifier.report.outcome import FileOutcome
from verifier.report.points import earned, round_points, score_outcome, worth
from verifier.report.wording import spreadsheet_cell

COLUMNS = ("student", "earned", "worth", "verdict", "mistakes")
LAST_COLUMNS = ("remark", "source")


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return the table with a header. The points of each parameter are in a column of its name."""
    scores = [score_outcome(outcome, choices.points) for outcome in reports]
    names = list(
        dict.fromkeys(
            score.name
            for outcome, rows in zip(reports, scores, strict=True)
            if outcome.report is not None
            for score in rows
        )
    )
    students = student_names([outcome.label or outcome.path for outcome in reports])
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*COLUMNS, *map(spreadsheet_cell, names), *LAST_COLUMNS])
    for student, outcome, rows in zip(students, reports, scores, strict=True):
        by_name = {} if outcome.report is None else {score.name: score for score in rows}
        writer.writerow(
            [
                spreadsheet_cell(student),
                _number(earned(rows)),
                _number(worth(rows)),
                wording.status(outcome.status),
                spreadsheet_cell(mistakes_of(outcome)),
                *(_number(by_name[name].earned) if name in by_name else "" for name in names),
                spreadsheet_cell("; ".join(_remarks(outcome))),
                spreadsheet_cell(outcome.source),
            ]
        )
    return stream.getvalue().rstrip("\n")


def _number(points: float) -> str:
    return f"{round_points(points):.12g}"


def _remarks(outcome: FileOutcome) -> Iterator[str]:
    """Yield the complaints about a file without report, or the codes of a report's warnings."""
    yield from outcome.complaints
    if outcome.report is not None:
        yield from dict.fromkeys(warning.code for warning in outcome.report.warnings)


def student_names(titles: Sequence[str]) -> list[str]:
    """Return a name for each file: the first folders of its path that no other file has, without suffix.

    abel/grads.npz, noether/a.npz, noether/b.npz: abel, noether/a, noether/b.
    """
    paths = [_without_suffix(PurePath(title)).parts for title in titles]
    counts = Counter(path[:length] for path in paths for length in range(1, len(path) + 1))
    names = []
    for title, path in zip(titles, paths, strict=True):
        unique = [length for length in range(1, len(path) + 1) if counts[path[:length]] == 1]
        names.append("/".join(path[: unique[0]]) if unique else title)
    return names


def _without_suffix(path: PurePath) -> PurePath:
    return path.with_suffix("") if path.suffix in (*SUFFIXES, MATLAB_SUFFIX) else path
