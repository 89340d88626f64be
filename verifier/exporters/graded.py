"""Rows with points for grading platforms: what each parameter earned, and what its student may read of it."""

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
    """number: `2.1` for the first parameter of the second submission. hints: without the message."""

    number: str
    name: str
    score: Score
    message: str
    hints: str = ""

    @property
    def text(self) -> str:
        return "\n".join(filter(None, (self.message, self.hints)))


def for_students(reports: Sequence[Sourced]) -> list[Sourced]:
    """Give the submissions with nothing in their reports that a student may not see."""
    return [
        own if own.report is None else replace(own, report=as_students_see(own.report)) for own in reports
    ]


def graded(reports: Sequence[Sourced], choices: ExportChoices) -> list[Graded]:
    """Give the rows of all submissions; names begin with the file where there are several."""
    found = []
    named = zip(for_students(reports), paths_of(reports), strict=True)
    for first, (own, path) in enumerate(named, 1):
        prefix = f"{path}: " if len(reports) > 1 else ""
        for second, score in enumerate(scores(own, choices.points), 1):
            message, hints = _told(own, score)
            name = prefix + shortened(score.name)
            found.append(Graded(f"{first}.{second}", name, score, message, hints))
    return found


def remarks(reports: Sequence[Sourced]) -> str:
    """Say the totals, and what is worth knowing of the problems, in words that students may read."""
    return clipped("\n".join(_remarks(for_students(reports))), _LONGEST)


def _remarks(reports: Sequence[Sourced]) -> Iterator[str]:
    for own, path in zip(reports, paths_of(reports), strict=True):
        prefix = f"{path}: " if len(reports) > 1 else ""
        report = own.report
        yield f"{prefix}{sentences.status(own.status)}" + (f"; {_counted(report)}" if report else "")
        if report is None:
            yield from own.complaints
        else:
            yield from (f"note ({caution.code}): {caution.detail}" for caution in report.warnings)


def _counted(report: Report) -> str:
    return sentences.counts(report) or "parameters are not shown"


def _told(own: Sourced, score: Score) -> tuple[str, str]:
    if own.report is None:
        return clipped("\n".join(own.complaints), _LONGEST), ""
    row = own.report.parameters.get(score.name)
    if row is None:
        known = score.verdict is not None
        return str(score.verdict) if known else "the network has no such parameter", ""
    if score.passed:
        return sentences.state(row), ""
    rows = diagnosis.of_parameter(own.report, score.name)
    lines = [line for found in rows for line in (diagnosis.heading(found), *diagnosis.sentences(found))]
    return sentences.state(row), clipped("\n".join(lines), _LONGEST)
