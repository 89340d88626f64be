"""Export a Code Quality report for GitLab: one object per parameter that is not correct."""

from collections.abc import Sequence

from verifier.documents.json import write
from verifier.exporters.common import BROKEN, of_each, worst_first
from verifier.exporters.exporter import ExportChoices
from verifier.report.outcome import Sourced
from verifier.report.verdict import Verdict

_SEVERITIES = {
    Verdict.INCORRECT: "major",
    Verdict.MISSING: "major",
    Verdict.UNDECIDED: "minor",
    None: "critical",
}


def render(reports: Sequence[Sourced], choices: ExportChoices) -> str:
    """Return one array of all submissions, worst first."""
    findings = worst_first(finding for rows in of_each(reports) for finding in rows)
    return write(
        [
            {
                "description": finding.message,
                "check_name": finding.rule,
                "fingerprint": finding.fingerprint,
                "severity": "blocker" if finding.rule == BROKEN else _SEVERITIES[finding.verdict],
                "location": {"path": finding.path, "lines": {"begin": 1}},
            }
            for finding in findings
        ]
    )
