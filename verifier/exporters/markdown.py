"""A report as GitHub-flavoured Markdown, for pull requests and step summaries.

## hw3-q2: incorrect
| parameter | shape | verdict | wrong | max error | relative |
"""

from collections.abc import Iterator

from verifier.caution import Caution
from verifier.documents.report_document import summary_of
from verifier.exporters import diagnosis, sentences
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
    yield f"- {sentences.loss(report)}"
    yield f"- {sentences.graded_under(report)}"
    yield f"- {sentences.tolerance(report)}"
    for row in report.diagnosis:
        yield ""
        yield f"### {diagnosis.heading(row).translate(_SPECIAL)}"
        yield ""
        yield from (f"- {sentence.translate(_SPECIAL)}" for sentence in diagnosis.sentences(row))
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
                yield f"- {list(entry.index)}: {sentences.entry(entry)}: {entry.verdict}"
    if report.warnings:
        yield ""
        yield from (f"> - {caution.code}{_place(caution)}: {caution.detail}" for caution in report.warnings)
    yield ""
    yield "Oracles:"
    yield ""
    yield from (f"- {sentence}" for sentence in sentences.oracles(report))


def _place(caution: Caution) -> str:
    units = f", units {', '.join(map(str, caution.units))}" if caution.units else ""
    return "" if caution.layer is None else f" (layer {caution.layer}{units})"


def _row(parameter: ParameterReport) -> str:
    cells = [
        f"`{parameter.name}`",
        str(parameter.shape),
        str(parameter.verdict),
        "" if parameter.verdict is Verdict.MISSING else str(parameter.incorrect),
        sentences.measure(parameter.max_abs_error),
        sentences.measure(parameter.max_rel_error),
    ]
    return "| " + " | ".join(cells) + " |"
