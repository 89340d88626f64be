"""A report as plain text: what `print(report)` shows and `gradjury check` prints.

hw3-q2: incorrect
  46 numbers: 34 correct, 12 incorrect

  parameter        shape   verdict    wrong  max error  relative
  layers.0.weight  (3, 4)  incorrect  12/12  2.0e-02    2.5e-01
"""

from collections.abc import Iterator

from verifier.documents.report_document import summary_of
from verifier.report import ParameterReport, Report
from verifier.verdict import Verdict

_ENTRIES_SHOWN = 3
_COLUMNS = ("parameter", "shape", "verdict", "wrong", "max error", "relative", "ratio")


def export(report: Report) -> str:
    """Give the report's text, without a final newline."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"{one_line(report.name)}: {report.verdict}" if report.name else str(report.verdict)
    summary = summary_of(report)
    counts = [
        f"{summary[key]} {key}" for key in ("correct", "incorrect", "undecided", "missing") if summary[key]
    ]
    yield f"  {summary['parameters']} numbers: {', '.join(counts)}"
    yield from _loss(report)
    yield ""
    yield from _table(report)
    yield from _worst(report)
    if report.warnings:
        yield ""
        yield from (f"  note ({caution.code}): {caution.detail}" for caution in report.warnings)
    yield ""
    yield "  oracles: " + "; ".join(_evidence(report))


def one_line(text: str) -> str:
    """Give text that cannot forge a line or steer a terminal: what does not print becomes a question mark."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _loss(report: Report) -> Iterator[str]:
    loss = report.loss
    fields = ", ".join(f"{key} {_plain(value)}" for key, value in loss.graded_under.items())
    yield f"  graded under: {fields}; {report.precision}"
    if loss.verdict is None:
        yield f"  loss: {loss.value:.10g}"
    else:
        yield f"  loss: {loss.verdict}: reported {loss.reported:.10g}, it is {loss.value:.10g}"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items()) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table(report: Report) -> Iterator[str]:
    rows = [_COLUMNS, *(_row(parameter) for parameter in report.parameters.values())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(parameter: ParameterReport) -> tuple[str, ...]:
    total = parameter.correct + parameter.incorrect + parameter.undecided
    wrong = f"{parameter.incorrect}/{total}" if total else ""
    figures = (parameter.max_abs_error, parameter.max_rel_error)
    return (
        parameter.name,
        str(parameter.shape),
        str(parameter.verdict),
        wrong,
        *("" if figure is None else f"{figure:.1e}" for figure in figures),
        "" if parameter.ratio is None else f"{parameter.ratio:.6g}",
    )


def _worst(report: Report) -> Iterator[str]:
    for parameter in report.parameters.values():
        if parameter.verdict not in (Verdict.INCORRECT, Verdict.UNDECIDED):
            continue
        yield ""
        yield f"  worst of {parameter.name}:"
        for entry in parameter.worst[:_ENTRIES_SHOWN]:
            yield (
                f"    {list(entry.index)}  submitted {entry.submitted:.10g}, expected {entry.expected:.10g} "
                f"(± {entry.uncertainty:.1g}), allowed {entry.tolerance:.1g}: {entry.verdict}"
            )


def _evidence(report: Report) -> Iterator[str]:
    for item in report.evidence:
        if item.agrees is None:
            yield f"{item.oracle} not asked ({item.reason or 'no entry could be told'})"
        else:
            word = "agrees" if item.agrees else "CONTRADICTS"
            yield f"{item.oracle} {word} ({item.entries} entries, within {item.max_disagreement:.1g})"
