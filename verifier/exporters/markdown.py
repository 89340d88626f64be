"""A report as GitHub-flavoured Markdown, for pull requests and step summaries.

## hw3-q2: incorrect
| parameter | shape | verdict | wrong | max error | relative |
"""

from collections.abc import Iterator

from verifier.documents.report_document import summary_of
from verifier.report import ParameterReport, Report
from verifier.verdict import Verdict

_ENTRIES_SHOWN = 3
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>()#+-!|~"})


def export(report: Report) -> str:
    """Give the report's Markdown, without a final newline; what the submitter wrote is escaped."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    title = " ".join((report.name or "submission").split()).translate(_SPECIAL)
    summary = summary_of(report)
    yield f"## {title}: {report.verdict}"
    yield ""
    yield f"{summary['correct']} of {summary['parameters']} numbers are correct."
    if report.loss.verdict is not None:
        yield f"The reported loss is {report.loss.verdict}."
    yield ""
    yield "| parameter | shape | verdict | wrong | max error | relative |"
    yield "|---|---|---|---|---|---|"
    for parameter in report.parameters.values():
        yield _row(parameter)
    for parameter in report.parameters.values():
        if parameter.worst and parameter.verdict is not Verdict.CORRECT:
            yield ""
            yield f"Worst of `{parameter.name}`:"
            yield ""
            for entry in parameter.worst[:_ENTRIES_SHOWN]:
                yield f"- {list(entry.index)}: submitted {entry.submitted:.8g}, expected {entry.expected:.8g}"
    if report.warnings:
        yield ""
        yield from (f"> {caution.code}: {caution.detail}" for caution in report.warnings)


def _row(parameter: ParameterReport) -> str:
    figures = (parameter.max_abs_error, parameter.max_rel_error)
    cells = [
        f"`{parameter.name}`",
        str(parameter.shape),
        str(parameter.verdict),
        "" if parameter.verdict is Verdict.MISSING else str(parameter.incorrect),
        *("" if figure is None else f"{figure:.1e}" for figure in figures),
    ]
    return "| " + " | ".join(cells) + " |"
