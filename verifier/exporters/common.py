"""Rows for grading platforms: the points of each parameter, and the message for the student."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from verifier.exporters.exporter import ExportOptions
from verifier.exporters.student_view import ensure_student_view
from verifier.report import wording
from verifier.report.model import ParameterReport
from verifier.report.outcome import FileOutcome
from verifier.report.points import Score, score_outcome
from verifier.report.report import Report
from verifier.report.verdict import Verdict
from verifier.report.wording import truncate_line, truncate_text


def unique_paths(reports: Sequence[FileOutcome]) -> list[str]:
    """Return each submission's path as a printable line; repeated paths get a number."""
    counts: Counter[str] = Counter()
    paths = []
    for outcome in reports:
        path = truncate_line(outcome.path)
        counts[path] += 1
        paths.append(f"{path} ({counts[path]})" if counts[path] > 1 else path)
    return paths


MIB = 2**20


def utf8_size(text: str) -> int:
    """Return the size of a text in bytes, as UTF-8 with a final newline."""
    return len(text.encode("utf-8", "replace")) + 1


def fit_to_size(build: Callable[[int], str], rows: int, largest: int) -> str:
    """Return the text of all rows, or of half as many, repeatedly, until it has at most `largest` bytes.

    build: returns the text of the first rows, given their count.
    """
    text = build(rows)
    while utf8_size(text) > largest and rows:
        rows //= 2
        text = build(rows)
    return text


_ENTRIES_SHOWN = 3
_LONGEST_DETAIL = 4000
MALFORMED = "malformed-submission"
INTERNAL_ERROR = "internal-error"


@dataclass(frozen=True, slots=True)
class ExportedFinding:
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


def findings(sourced: FileOutcome, path: str) -> Iterator[ExportedFinding]:
    """Yield a finding per parameter, correct ones included, or one for a submission without report."""
    if sourced.report is None:
        rule = INTERNAL_ERROR if sourced.broken else MALFORMED
        complaints = sourced.complaints
        message = truncate_line(complaints[0] if complaints else wording.status(sourced.status), 500)
        yield ExportedFinding(
            path, "", None, rule, message, truncate_text("\n".join(complaints), _LONGEST_DETAIL)
        )
        return
    report = sourced.report
    if not report.parameters:  # hidden from students
        yield ExportedFinding(path, "", report.verdict, general_rule(report.verdict), str(report.verdict))
    for row in report.parameters.values():
        yield _of_parameter(path, report, row)


def mistakes_of(outcome: FileOutcome) -> str:
    """Return the diagnosed bugs and the missing gradients of a submission as one line; may be empty."""
    if outcome.report is None:
        return ""
    headings = [wording.heading(row) for row in outcome.report.diagnosis]
    missing = [row.name for row in outcome.report.parameters.values() if row.verdict is Verdict.MISSING]
    return "; ".join([*headings, *([f"missing {', '.join(missing)}"] if missing else [])])


def general_rule(verdict: Verdict) -> str:
    """Return the general rule of a verdict, such as `incorrect-gradient`."""
    return f"{verdict}-gradient"


def sorted_by_severity(all_findings: Iterable[ExportedFinding]) -> list[ExportedFinding]:
    """Return all but correct findings: without verdict, incorrect by error, missing, undecided."""
    order = (None, Verdict.INCORRECT, Verdict.MISSING, Verdict.UNDECIDED)
    wrong = [finding for finding in all_findings if finding.verdict is not Verdict.CORRECT]
    return sorted(wrong, key=lambda finding: (order.index(finding.verdict), -finding.severity))


def findings_by_submission(reports: Sequence[FileOutcome]) -> list[list[ExportedFinding]]:
    """Return the findings of each submission, under unique paths."""
    paths = unique_paths(reports)
    return [list(findings(sourced, path)) for sourced, path in zip(reports, paths, strict=True)]


def _of_parameter(path: str, report: Report, row: ParameterReport) -> ExportedFinding:
    name = truncate_line(row.name)
    if row.verdict is Verdict.CORRECT:
        return ExportedFinding(path, name, row.verdict, general_rule(row.verdict), f"{name}: correct")
    rows = list(wording.diagnoses_of(report, row.name))
    bug = next((diagnosed.bug for diagnosed in rows if diagnosed.bug), "")
    lines = [
        line
        for diagnosed in rows
        for line in (wording.heading(diagnosed), *wording.sentences(diagnosed, report.network))
    ]
    lines += [f"{list(entry.index)}: {wording.entry(entry)}" for entry in row.worst[:_ENTRIES_SHOWN]]
    error = row.relative_norm_error
    severity = 0.0 if error is None else error if error == error else 2.0  # NaN is the worst
    message = f"{name}: {wording.parameter_summary(row)}"
    rule = bug or general_rule(row.verdict)
    detail = truncate_text("\n".join(lines), _LONGEST_DETAIL)
    return ExportedFinding(path, name, row.verdict, rule, message, detail, severity, report.graph is not None)


_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class ScoredRow:
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


def student_outcomes(reports: Sequence[FileOutcome]) -> list[FileOutcome]:
    """Return the outcomes with the student's view of their reports."""
    return [
        outcome if outcome.report is None else replace(outcome, report=ensure_student_view(outcome.report))
        for outcome in reports
    ]


def scored_rows(reports: Sequence[FileOutcome], choices: ExportOptions) -> list[ScoredRow]:
    """Return the rows of all submissions; if there are several, names begin with the file."""
    rows = []
    named_reports = zip(student_outcomes(reports), unique_paths(reports), strict=True)
    for submission_number, (outcome, path) in enumerate(named_reports, 1):
        prefix = f"{path}: " if len(reports) > 1 else ""
        for row_number, score in enumerate(score_outcome(outcome, choices.points), 1):
            message, hints = _message_and_hints(outcome, score)
            name = prefix + truncate_line(score.name)
            rows.append(ScoredRow(f"{submission_number}.{row_number}", name, score, message, hints))
    return rows


def summary_text(reports: Sequence[FileOutcome]) -> str:
    """Return the totals and the warnings of all submissions, in the student's view."""
    return truncate_text("\n".join(_remark_lines(student_outcomes(reports))), _LONGEST)


def _remark_lines(reports: Sequence[FileOutcome]) -> Iterator[str]:
    for outcome, path in zip(reports, unique_paths(reports), strict=True):
        prefix = f"{path}: " if len(reports) > 1 else ""
        report = outcome.report
        yield f"{prefix}{wording.status(outcome.status)}" + ("" if report is None else f"; {_counts(report)}")
        if report is None:
            yield from outcome.complaints
        else:
            yield from (f"note ({warning.code}): {warning.detail}" for warning in report.warnings)


def _counts(report: Report) -> str:
    return wording.counts(report) or "parameters are not shown"


def _message_and_hints(outcome: FileOutcome, score: Score) -> tuple[str, str]:
    if outcome.report is None:
        return truncate_text("\n".join(outcome.complaints), _LONGEST), ""
    row = outcome.report.parameters.get(score.name)
    if row is None:
        is_known = score.verdict is not None
        return str(score.verdict) if is_known else "the network has no such parameter", ""
    if score.passed:
        return wording.parameter_summary(row), ""
    diagnoses = wording.diagnoses_of(outcome.report, score.name)
    lines = [
        line
        for diagnosed in diagnoses
        for line in (wording.heading(diagnosed), *wording.sentences(diagnosed, outcome.report.network))
    ]
    return wording.parameter_summary(row), truncate_text("\n".join(lines), _LONGEST)
