"""Export the Common Test Report Format (ctrf.io): a test per parameter, a suite per submission."""

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from verifier.documents.json import to_json
from verifier.exporters.common import ExportedFinding, findings_by_submission
from verifier.exporters.exporter import ExportOptions
from verifier.report.outcome import FileOutcome
from verifier.report.verdict import Verdict

_SPECIFICATION = "0.0.0"
_STATUSES = {
    Verdict.CORRECT: "passed",
    Verdict.INCORRECT: "failed",
    Verdict.MISSING: "failed",
    Verdict.UNDECIDED: "other",
    None: "failed",
}


def render(reports: Sequence[FileOutcome], choices: ExportOptions) -> str:
    """Return one document of all submissions."""
    findings = [finding for rows in findings_by_submission(reports) for finding in rows]
    statuses = Counter(_STATUSES[finding.verdict] for finding in findings)
    kinds = ("passed", "failed", "skipped", "pending", "other")
    stop = round(choices.moment.timestamp() * 1000)
    duration = round(1000 * sum(outcome.report.seconds for outcome in reports if outcome.report is not None))
    results = {
        "tool": {"name": "GradJury", "version": version("gradjury")},
        "summary": {
            "tests": len(findings),
            **{kind: statuses[kind] for kind in kinds},
            "suites": len(reports),
            "start": max(0, stop - duration),
            "stop": stop,
        },
        "tests": [_test(finding) for finding in findings],
    }
    return to_json({"reportFormat": "CTRF", "specVersion": _SPECIFICATION, "results": results})


def _test(finding: ExportedFinding) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": finding.parameter or "submission",
        "status": _STATUSES[finding.verdict],
        "duration": 0,
        "suite": [finding.path],
        "rawStatus": str(finding.verdict or finding.rule),
    }
    if finding.verdict is not Verdict.CORRECT:
        test["message"] = finding.message
        test["labels"] = {"rule": finding.rule}
        if finding.detail:
            test["trace"] = finding.detail
    return test
