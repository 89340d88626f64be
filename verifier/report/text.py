"""Write a report as plain text, for `print(report)` and `gradjury check`.

hw3-q2: incorrect
  46 numbers: 34 correct, 12 incorrect

  parameter        shape   verdict    wrong  max error  relative
  layers.0.weight  (3, 4)  incorrect  12/12  2.0e-02    2.5e-01
"""

from collections.abc import Iterator
from math import isnan

from verifier.report import wording
from verifier.report.model import UNEXPLAINED_ID, Audience, ParameterReport, ReportData
from verifier.report.verdict import Verdict
from verifier.report.wording import sanitize_line

_ENTRIES_SHOWN = 3
_COLUMNS = ("parameter", "shape", "verdict", "wrong", "max error", "relative", "ratio")
_STUDENT_COLUMNS = 3


def report_text(report: ReportData) -> str:
    """Return the report's text, without a final newline."""
    return "\n".join(_lines(report))


def one_line_summary(report: ReportData) -> str:
    """Return the verdict, the counts and the worst parameter in one line."""
    not_correct = [row for row in report.parameters.values() if row.verdict is not Verdict.CORRECT]
    worst = max(not_correct, key=_severity, default=None)
    bugs = "; ".join(wording.heading(row) for row in report.diagnosis)
    worst_text = ""
    if worst is not None:
        entry = next((f" {list(entry.index)} {wording.entry(entry)}" for entry in worst.worst), "")
        worst_text = f"; worst: {worst.name}{entry or ' ' + worst.verdict}"
    return f"{_verdict(report)}; {wording.counts(report)}{worst_text}{'; diagnosis: ' + bugs if bugs else ''}"


def _severity(row: ParameterReport) -> tuple[int, float]:
    order = (Verdict.CORRECT, Verdict.UNDECIDED, Verdict.MISSING, Verdict.INCORRECT)
    error = row.relative_norm_error
    return order.index(row.verdict), 0.0 if error is None else 2.0 if isnan(error) else error


def _verdict(report: ReportData) -> str:
    return f"{sanitize_line(report.name)}: {report.verdict}" if report.name else str(report.verdict)


def _lines(report: ReportData) -> Iterator[str]:
    yield _verdict(report)
    if counts := wording.counts(report):
        yield f"  {counts}"
    if report.loss.verdict is not None and report.loss.verdict is not Verdict.CORRECT:
        yield f"  {wording.loss(report)}"
    yield from (f"  {line}" for line in wording.first_wrong_lines(report))
    for row in report.diagnosis:
        yield ""
        yield f"  diagnosis: {wording.heading(row)}"
        example = wording.example_entry(report, row)
        yield from (f"    {sentence}" for sentence in wording.sentences(row, report.network, example))
    if report.parameters:
        yield ""
        yield from _table(report)
    yield from _worst(report)
    if report.audience is Audience.GRADER:
        yield ""
        yield f"  {wording.loss_line(report)}"
        if report.evidence:
            yield from (f"  {line}" for line in wording.oracle_lines(report))
    if report.warnings:
        yield ""
        yield from (
            f"  note ({warning.code}): {sanitize_line(warning.detail)}" for warning in report.warnings
        )


def _table(report: ReportData) -> Iterator[str]:
    column_count = len(_COLUMNS) if report.audience is Audience.GRADER else _STUDENT_COLUMNS
    header = (wording.row_noun(report), *_COLUMNS[1:])
    rows = [
        header[:column_count],
        *(_row(parameter)[:column_count] for parameter in report.parameters.values()),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(parameter: ParameterReport) -> tuple[str, ...]:
    wrong = f"{parameter.incorrect}/{parameter.counted}" if parameter.counted else ""
    name = parameter.name + (f" ({parameter.submitted_as})" if parameter.submitted_as is not None else "")
    return (
        sanitize_line(name),
        str(parameter.shape),
        str(parameter.verdict),
        wrong,
        wording.format_measure(parameter.max_abs_error),
        wording.format_measure(parameter.max_rel_error),
        wording.format_measure(parameter.ratio, ".6g"),
    )


def _worst(report: ReportData) -> Iterator[str]:
    """Yield the worst numbers of parameters whose error no diagnosis explains."""
    if report.diagnosis and all(row.bug and row.bug != UNEXPLAINED_ID for row in report.diagnosis):
        return
    for parameter in report.parameters.values():
        if parameter.verdict not in (Verdict.INCORRECT, Verdict.UNDECIDED) or not parameter.worst:
            continue
        yield ""
        yield f"  worst of {sanitize_line(parameter.name)}:"
        for entry in parameter.worst[:_ENTRIES_SHOWN]:
            yield f"    {list(entry.index)}  {wording.entry(entry)}: {entry.verdict}"
