"""Rows for grading platforms: the points of each parameter, and the message for the student."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from verifier.exporters.exporter import ExportChoices
from verifier.exporters.student_view import as_students_see
from verifier.report import wording
from verifier.report.model import ParameterReport
from verifier.report.outcome import Sourced
from verifier.report.points import Score, scores
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.report.wording import clipped, shortened


def paths_of(reports: Sequence[Sourced]) -> list[str]:
    """Return each submission's path as a printable line; repeated paths get a number."""
    counts: Counter[str] = Counter()
    paths = []
    for outcome in reports:
        path = shortened(outcome.path)
        counts[path] += 1
        paths.append(f"{path} ({counts[path]})" if counts[path] > 1 else path)
    return paths


MIB = 2**20


def size(text: str) -> int:
    """Return the size of a text in bytes, as UTF-8 with a final newline."""
    return len(text.encode("utf-8", "replace")) + 1


def fitted(build: Callable[[int], str], rows: int, largest: int) -> str:
    """Return the text of all rows, or of half as many, repeatedly, until it has at most `largest` bytes.

    build: returns the text of the first rows, given their count.
    """
    text = build(rows)
    while size(text) > largest and rows:
        rows //= 2
        text = build(rows)
    return text


_ENTRIES_SHOWN = 3
_LONGEST_DETAIL = 4000
MALFORMED = "malformed-submission"
BROKEN = "internal-error"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one parameter, or of a submission that has no report.

    path: the submission's path. parameter: empty for a whole submission.
    verdict: None if the submission could not be checked.
    rule: the id of the diagnosed bug, or a general rule such as `incorrect-gradient`.
    severity: the relative error, for sorting. of_graph: the rule is a local rule of a graph, not of a layer.
    """

    path: str
    parameter: str
    verdict: Verdict | None
    rule: str
    message: str
    detail: str = ""
    severity: float = 0.0
    of_graph: bool = False

    @property
    def fingerprint(self) -> str:
        """A hash that is equal in all runs for the same finding."""
        return sha256(
            "\0".join((self.path, self.parameter, self.rule)).encode("utf-8", "replace")
        ).hexdigest()


def findings(sourced: Sourced, path: str) -> Iterator[Finding]:
    """Yield a finding per parameter, correct ones included, or one for a submission without report."""
    if sourced.report is None:
        rule = BROKEN if sourced.broken else MALFORMED
        complaints = sourced.complaints
        message = shortened(complaints[0] if complaints else wording.status(sourced.status), 500)
        yield Finding(path, "", None, rule, message, clipped("\n".join(complaints), _LONGEST_DETAIL))
        return
    report = sourced.report
    if not report.parameters:  # hidden from students
        yield Finding(path, "", report.verdict, rule_of(report.verdict), str(report.verdict))
    for row in report.parameters.values():
        yield _of_parameter(path, report, row)


def rule_of(verdict: Verdict) -> str:
    """Return the general rule of a verdict, such as `incorrect-gradient`."""
    return f"{verdict}-gradient"


def worst_first(all_findings: Iterable[Finding]) -> list[Finding]:
    """Return all but correct findings: without verdict, incorrect by error, missing, undecided."""
    order = (None, Verdict.INCORRECT, Verdict.MISSING, Verdict.UNDECIDED)
    wrong = [finding for finding in all_findings if finding.verdict is not Verdict.CORRECT]
    return sorted(wrong, key=lambda finding: (order.index(finding.verdict), -finding.severity))


def of_each(reports: Sequence[Sourced]) -> list[list[Finding]]:
    """Return the findings of each submission, under unique paths."""
    paths = paths_of(reports)
    return [list(findings(sourced, path)) for sourced, path in zip(reports, paths, strict=True)]


def _of_parameter(path: str, report: Report, row: ParameterReport) -> Finding:
    name = shortened(row.name)
    if row.verdict is Verdict.CORRECT:
        return Finding(path, name, row.verdict, rule_of(row.verdict), f"{name}: correct")
    rows = list(wording.of_parameter(report, row.name))
    bug = next((diagnosed.bug for diagnosed in rows if diagnosed.bug), "")
    lines = [
        line for diagnosed in rows for line in (wording.heading(diagnosed), *wording.sentences(diagnosed))
    ]
    lines += [f"{list(entry.index)}: {wording.entry(entry)}" for entry in row.worst[:_ENTRIES_SHOWN]]
    error = row.relative_norm_error
    severity = 0.0 if error is None else error if error == error else 2.0  # NaN is the worst
    message = f"{name}: {wording.state(row)}"
    rule = bug or rule_of(row.verdict)
    detail = clipped("\n".join(lines), _LONGEST_DETAIL)
    return Finding(path, name, row.verdict, rule, message, detail, severity, report.graph is not None)


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
        yield f"{prefix}{wording.status(outcome.status)}" + (f"; {_counts(report)}" if report else "")
        if report is None:
            yield from outcome.complaints
        else:
            yield from (f"note ({caution.code}): {caution.detail}" for caution in report.warnings)


def _counts(report: Report) -> str:
    return wording.counts(report) or "parameters are not shown"


def _message_and_hints(outcome: Sourced, score: Score) -> tuple[str, str]:
    if outcome.report is None:
        return clipped("\n".join(outcome.complaints), _LONGEST), ""
    row = outcome.report.parameters.get(score.name)
    if row is None:
        is_known = score.verdict is not None
        return str(score.verdict) if is_known else "the network has no such parameter", ""
    if score.passed:
        return wording.state(row), ""
    diagnoses = wording.of_parameter(outcome.report, score.name)
    lines = [
        line
        for diagnosed in diagnoses
        for line in (wording.heading(diagnosed), *wording.sentences(diagnosed))
    ]
    return wording.state(row), clipped("\n".join(lines), _LONGEST)
