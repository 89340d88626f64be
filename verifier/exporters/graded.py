"""Rows for grading platforms: the points of each parameter, and the message for the student."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from verifier.audience import as_students_see
from verifier.exporters import diagnosis, sentences
from verifier.exporters.exporter import ExportChoices
from verifier.exporters.harmless import clipped, shortened
from verifier.exporters.paths import paths_of
from verifier.points import Score, scores
from verifier.report import Report
from verifier.sourced import Sourced

_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Graded:
    """One row.

    number: `2.1` for the first parameter of the second submission. hints: further lines after the message.
    """

    number: str
    name: str
    score: Score
    message: str
    hints: str = ""

    @property
    def text(self) -> str:
        return "\n".join(filter(None, (self.message, self.hints)))


def for_students(reports: Sequence[Sourced]) -> list[Sourced]:
    """Return the outcomes with the student's view of their reports."""
    return [
        outcome if outcome.report is None else replace(outcome, report=as_students_see(outcome.report))
        for outcome in reports
    ]


def graded(reports: Sequence[Sourced], choices: ExportChoices) -> list[Graded]:
    """Return the rows of all submissions; if there are several, names begin with the file."""
    rows = []
    named_reports = zip(for_students(reports), paths_of(reports), strict=True)
    for submission_number, (outcome, path) in enumerate(named_reports, 1):
        prefix = f"{path}: " if len(reports) > 1 else ""
        for row_number, score in enumerate(scores(outcome, choices.points), 1):
            message, hints = _message_and_hints(outcome, score)
            name = prefix + shortened(score.name)
            rows.append(Graded(f"{submission_number}.{row_number}", name, score, message, hints))
    return rows


def remarks(reports: Sequence[Sourced]) -> str:
    """Return the totals and the warnings of all submissions, in the student's view."""
    return clipped("\n".join(_remark_lines(for_students(reports))), _LONGEST)


def _remark_lines(reports: Sequence[Sourced]) -> Iterator[str]:
    for outcome, path in zip(reports, paths_of(reports), strict=True):
        prefix = f"{path}: " if len(reports) > 1 else ""
        report = outcome.report
        yield f"{prefix}{sentences.status(outcome.status)}" + (f"; {_counts(report)}" if report else "")
        if report is None:
            yield from outcome.complaints
        else:
            yield from (f"note ({caution.code}): {caution.detail}" for caution in report.warnings)


def _counts(report: Report) -> str:
    return sentences.counts(report) or "parameters are not shown"


def _message_and_hints(outcome: Sourced, score: Score) -> tuple[str, str]:
    if outcome.report is None:
        return clipped("\n".join(outcome.complaints), _LONGEST), ""
    row = outcome.report.parameters.get(score.name)
    if row is None:
        is_known = score.verdict is not None
        return str(score.verdict) if is_known else "the network has no such parameter", ""
    if score.passed:
        return sentences.state(row), ""
    diagnoses = diagnosis.of_parameter(outcome.report, score.name)
    lines = [
        line
        for diagnosed in diagnoses
        for line in (diagnosis.heading(diagnosed), *diagnosis.sentences(diagnosed))
    ]
    return sentences.state(row), clipped("\n".join(lines), _LONGEST)
