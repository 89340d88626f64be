"""Export reports as GitHub-flavoured Markdown, for pull requests and step summaries.

## hw3-q2: incorrect
| parameter | shape | verdict | wrong | max error | relative |
"""

import re
from collections.abc import Iterator, Sequence

from verifier.exporters.exporter import ExportOptions
from verifier.problem.errors import ReportWarning
from verifier.report import wording
from verifier.report.document import summary_of
from verifier.report.formulas import formulas_of, latex
from verifier.report.model import Audience, Diagnosis, ParameterReport
from verifier.report.outcome import FileOutcome
from verifier.report.points import points_line
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.report.wording import sanitize_line, truncate_line

_ENTRIES_SHOWN = 3
_COLUMNS = ("parameter", "shape", "verdict", "wrong", "max error", "relative")
_PLAIN = re.compile(r"[A-Za-z0-9_.]{1,100}")
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>()#+-!|~"})


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return the Markdown without a final newline. Text of submitters is escaped."""
    parts = [] if len(reports) == 1 else [f"{wording.totals([outcome.status for outcome in reports])}."]
    for outcome in reports:
        report = outcome.report
        parts.append("\n".join(_complaints(outcome) if report is None else _lines(report)))
        if points := points_line(outcome, choices.points):
            parts.append(f"{points[0].upper()}{points[1:]}.")
    return "\n\n".join(parts)


def escaped(text: str) -> str:
    """Return one line of text with Markdown and HTML escaped."""
    return sanitize_line(" ".join(text.split())).translate(_SPECIAL)


def _complaints(outcome: FileOutcome) -> Iterator[str]:
    yield f"## {escaped(outcome.path)}: {wording.status(outcome.status)}"
    yield ""
    yield from (f"- {escaped(complaint)}" for complaint in outcome.complaints)


def _lines(report: Report) -> Iterator[str]:
    yield f"## {escaped(report.name or 'submission')}: {report.verdict}"
    yield ""
    if report.audience is Audience.STUDENT:
        yield f"{wording.counts(report)}."
    else:
        yield from _for_graders(report)
    if wrong := [f"- {line.translate(_SPECIAL)}" for line in wording.first_wrong_lines(report)]:
        yield from ("", *wrong) if report.audience is Audience.STUDENT else wrong
    for row in report.diagnosis:
        yield ""
        yield f"### {wording.heading(row).translate(_SPECIAL)}"
        yield ""
        yield from _diagnosis(report, row)
    yield ""
    columns = _COLUMNS if report.audience is Audience.GRADER else _COLUMNS[:3]
    yield f"| {' | '.join((wording.row_noun(report), *columns[1:]))} |"
    yield "|" + "---|" * len(columns)
    for parameter in report.parameters.values():
        yield "| " + " | ".join(_row(parameter)[: len(columns)]) + " |"
    for parameter in report.parameters.values():
        if parameter.worst and parameter.verdict is not Verdict.CORRECT:
            yield ""
            yield f"Worst of {_code(parameter.name)}:"
            yield ""
            for entry in parameter.worst[:_ENTRIES_SHOWN]:
                yield f"- {list(entry.index)}: {wording.entry(entry)}: {entry.verdict}"
    if report.warnings:
        yield ""
        yield from (f"> - {warning.code}{_place(warning)}: {_detail(warning)}" for warning in report.warnings)
    if report.evidence:
        yield ""
        yield "Oracles:"
        yield ""
        yield from (f"- {sentence}" for sentence in wording.oracles(report))


def _diagnosis(report: Report, row: Diagnosis) -> Iterator[str]:
    """Yield a diagnosis as a list, with its formulas as LaTeX, which GitHub and GitLab draw."""
    if row.explanation:
        yield f"- {sanitize_line(row.explanation).translate(_SPECIAL)}"
    if row.right:
        right, used = map(latex, formulas_of(row, report.network))
        yield f"- right: $`{right}`$"
        yield f"- used: $`{used}`$"
    yield from (f"- {sentence.translate(_SPECIAL)}" for sentence in wording.remarks(row))


def _for_graders(report: Report) -> Iterator[str]:
    summary = summary_of(report)
    yield f"{summary['correct']} of {summary['parameters']} numbers are correct."
    if report.loss.verdict is not None:
        yield f"The reported loss is {report.loss.verdict}."
    yield ""
    yield f"- {wording.loss(report)}"
    yield f"- {_graded_under(report)}"
    yield f"- {wording.tolerance(report)}"


def _graded_under(report: Report) -> str:
    line = wording.graded_under(report)
    return (
        line if report.graph is None else line.translate(_SPECIAL)
    )  # submitters choose the name of the output


def _place(warning: ReportWarning) -> str:
    units = f", units {', '.join(map(str, warning.units))}" if warning.units else ""
    return "" if warning.layer is None else f" (layer {warning.layer}{units})"


def _detail(warning: ReportWarning) -> str:
    return sanitize_line(warning.detail).translate(_SPECIAL)


def _code(name: str) -> str:
    return f"`{name}`" if _PLAIN.fullmatch(name) else escaped(truncate_line(name))


def _row(parameter: ParameterReport) -> list[str]:
    return [
        _code(parameter.name),
        str(parameter.shape),
        str(parameter.verdict),
        "" if parameter.verdict is Verdict.MISSING else str(parameter.incorrect),
        wording.format_measure(parameter.max_abs_error),
        wording.format_measure(parameter.max_rel_error),
    ]
