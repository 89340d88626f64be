"""Export a Code Quality report for GitLab: one object per parameter that is not correct."""

from collections.abc import Sequence

from verifier.documents.json import to_json
from verifier.exporters.common import INTERNAL_ERROR, findings_by_submission, sorted_by_severity
from verifier.exporters.exporter import ExportOptions
from verifier.report.outcome import FileOutcome
from verifier.report.verdict import Verdict

_SEVERITIES = {
    Verdict.INCORRECT: "major",
    Verdict.MISSING: "major",
    Verdict.UNDECIDED: "minor",
    None: "critical",
}


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return one array of all submissions, worst first."""
    findings = sorted_by_severity(finding for rows in findings_by_submission(reports) for finding in rows)
    return to_json(
        [
            {
                "description": finding.message,
                "check_name": finding.rule,
                "fingerprint": finding.fingerprint,
                "severity": "blocker" if finding.rule == INTERNAL_ERROR else _SEVERITIES[finding.verdict],
                "location": {"path": finding.path, "lines": {"begin": 1}},
            }
            for finding in findings
        ]
    )
