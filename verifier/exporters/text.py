"""A report as plain text: what `print(report)` shows and `gradjury check` prints.

hw3-q2: incorrect
  46 numbers: 34 correct, 12 incorrect

  parameter        shape   verdict    wrong  max error  relative
  layers.0.weight  (3, 4)  incorrect  12/12  2.0e-02    2.5e-01
"""

from collections.abc import Iterator, Sequence
from math import isnan

from verifier.exporters import diagnosis, graph, sentences
from verifier.exporters.exporter import ExportChoices
from verifier.exporters.harmless import one_line
from verifier.report import Audience, ParameterReport, Report
from verifier.sourced import Sourced
from verifier.verdict import Verdict

_ENTRIES_SHOWN = 3
_COLUMNS = ("parameter", "shape", "verdict", "wrong", "max error", "relative", "ratio")
_STUDENTS_COLUMNS = 3


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Give the reports' texts; what could not be judged has none, it is told on standard error."""
    return "\n\n".join(of_report(own.report) for own in reports if own.report is not None)


def of_report(report: Report) -> str:
    """Give the report's text, without a final newline."""
    return "\n".join(_lines(report))


def brief(report: Report) -> str:
    """Give the verdict, the counts and the worst parameter in one line."""
    bad = [row for row in report.parameters.values() if row.verdict is not Verdict.CORRECT]
    worst = max(bad, key=_badness, default=None)
    named = "; ".join(diagnosis.heading(row) for row in report.diagnosis)
    most = ""
    if worst is not None:
        entry = next((f" {list(entry.index)} {sentences.entry(entry)}" for entry in worst.worst), "")
        most = f"; worst: {worst.name}{entry or ' ' + worst.verdict}"
    return f"{_verdict(report)}; {sentences.counts(report)}{most}{'; diagnosis: ' + named if named else ''}"


def _badness(row: ParameterReport) -> tuple[int, float]:
    order = (Verdict.CORRECT, Verdict.UNDECIDED, Verdict.MISSING, Verdict.INCORRECT)
    share = row.relative_norm_error
    return order.index(row.verdict), 0.0 if share is None else 2.0 if isnan(share) else share


def _verdict(report: Report) -> str:
    return f"{one_line(report.name)}: {report.verdict}" if report.name else str(report.verdict)


def _lines(report: Report) -> Iterator[str]:
    yield _verdict(report)
    if counted := sentences.counts(report):
        yield f"  {counted}"
    if report.audience is Audience.GRADER:
        yield f"  {sentences.graded_under(report)}"
        yield f"  {sentences.loss(report)}"
    yield from (f"  {line}" for line in graph.first_wrong(report))
    for row in report.diagnosis:
        yield ""
        yield f"  diagnosis: {diagnosis.heading(row)}"
        yield from (f"    {sentence}" for sentence in diagnosis.sentences(row))
    if report.parameters:
        yield ""
        yield from _table(report)
    yield from _worst(report)
    if report.warnings:
        yield ""
        yield from (f"  note ({caution.code}): {one_line(caution.detail)}" for caution in report.warnings)
    if report.evidence:
        yield ""
        yield "  oracles:"
        yield from (f"    {sentence}" for sentence in sentences.oracles(report))


def _table(report: Report) -> Iterator[str]:
    shown = len(_COLUMNS) if report.audience is Audience.GRADER else _STUDENTS_COLUMNS
    head = (sentences.unit(report), *_COLUMNS[1:])
    rows = [head[:shown], *(_row(parameter)[:shown] for parameter in report.parameters.values())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(parameter: ParameterReport) -> tuple[str, ...]:
    wrong = f"{parameter.incorrect}/{parameter.counted}" if parameter.counted else ""
    return (
        one_line(parameter.name),
        str(parameter.shape),
        str(parameter.verdict),
        wrong,
        sentences.measure(parameter.max_abs_error),
        sentences.measure(parameter.max_rel_error),
        sentences.measure(parameter.ratio, ".6g"),
    )


def _worst(report: Report) -> Iterator[str]:
    for parameter in report.parameters.values():
        if parameter.verdict not in (Verdict.INCORRECT, Verdict.UNDECIDED) or not parameter.worst:
            continue
        yield ""
        yield f"  worst of {one_line(parameter.name)}:"
        for entry in parameter.worst[:_ENTRIES_SHOWN]:
            yield f"    {list(entry.index)}  {sentences.entry(entry)}: {entry.verdict}"
