"""Findings, the rows of all formats for continuous integration: rule, message and detail."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from verifier.exporters import diagnosis, sentences
from verifier.exporters.harmless import clipped, shortened
from verifier.exporters.paths import paths_of
from verifier.report import ParameterReport, Report
from verifier.sourced import Sourced
from verifier.verdict import Verdict

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
        message = shortened(complaints[0] if complaints else sentences.status(sourced.status), 500)
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
    rows = list(diagnosis.of_parameter(report, row.name))
    bug = next((diagnosed.bug for diagnosed in rows if diagnosed.bug), "")
    lines = [
        line for diagnosed in rows for line in (diagnosis.heading(diagnosed), *diagnosis.sentences(diagnosed))
    ]
    lines += [f"{list(entry.index)}: {sentences.entry(entry)}" for entry in row.worst[:_ENTRIES_SHOWN]]
    error = row.relative_norm_error
    severity = 0.0 if error is None else error if error == error else 2.0  # NaN is the worst
    message = f"{name}: {sentences.state(row)}"
    rule = bug or rule_of(row.verdict)
    detail = clipped("\n".join(lines), _LONGEST_DETAIL)
    return Finding(path, name, row.verdict, rule, message, detail, severity, report.graph is not None)
