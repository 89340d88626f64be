"""What every format of CI says of a parameter: a rule, a line, and what lies behind it."""

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
    """path: the submission's. parameter: empty for the whole. verdict: None for what could not be judged.

    rule: the bug that was diagnosed, or what was found. severity: relative error, to put the worst first.
    of_graph: whether the rule is broken in a graph, whose rules are others than those of layers.
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
        """The same in every run, for the same finding."""
        return sha256(
            "\0".join((self.path, self.parameter, self.rule)).encode("utf-8", "replace")
        ).hexdigest()


def findings(sourced: Sourced, path: str) -> Iterator[Finding]:
    """Give a finding for each parameter, right ones included, or one for what could not be judged."""
    if sourced.report is None:
        rule = BROKEN if sourced.broken else MALFORMED
        complaints = sourced.complaints
        message = shortened(complaints[0] if complaints else sentences.status(sourced.status), 500)
        yield Finding(path, "", None, rule, message, clipped("\n".join(complaints), _LONGEST_DETAIL))
        return
    report = sourced.report
    if not report.parameters:  # withheld
        yield Finding(path, "", report.verdict, rule_of(report.verdict), str(report.verdict))
    for row in report.parameters.values():
        yield _of_parameter(path, report, row)


def rule_of(verdict: Verdict) -> str:
    return f"{verdict}-gradient"


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    """Order what is not correct: unjudged, incorrect by their error, missing, undecided."""
    order = (None, Verdict.INCORRECT, Verdict.MISSING, Verdict.UNDECIDED)
    wrong = [finding for finding in found if finding.verdict is not Verdict.CORRECT]
    return sorted(wrong, key=lambda finding: (order.index(finding.verdict), -finding.severity))


def of_each(reports: Sequence[Sourced]) -> list[list[Finding]]:
    """Give each submission's findings, under a path of its own."""
    paths = paths_of(reports)
    return [list(findings(sourced, path)) for sourced, path in zip(reports, paths, strict=True)]


def _of_parameter(path: str, report: Report, row: ParameterReport) -> Finding:
    name = shortened(row.name)
    if row.verdict is Verdict.CORRECT:
        return Finding(path, name, row.verdict, rule_of(row.verdict), f"{name}: correct")
    rows = list(diagnosis.of_parameter(report, row.name))
    bug = next((own.bug for own in rows if own.bug), "")
    lines = [line for own in rows for line in (diagnosis.heading(own), *diagnosis.sentences(own))]
    lines += [f"{list(entry.index)}: {sentences.entry(entry)}" for entry in row.worst[:_ENTRIES_SHOWN]]
    error = row.relative_norm_error
    severity = 0.0 if error is None else error if error == error else 2.0  # NaN is worst
    message = f"{name}: {sentences.state(row)}"
    rule = bug or rule_of(row.verdict)
    detail = clipped("\n".join(lines), _LONGEST_DETAIL)
    return Finding(path, name, row.verdict, rule, message, detail, severity, report.graph is not None)
