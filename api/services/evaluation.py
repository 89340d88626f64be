"""A report as the uEd API's list of feedback (version 0.1.0): the whole first, then each parameter."""

from typing import Any

from verifier.exporters import diagnosis, sentences
from verifier.points import Points, scores_of
from verifier.report import ParameterReport, Report
from verifier.verdict import Verdict


def feedback_of(report: Report, points: Points | None = None) -> list[dict[str, Any]]:
    """Give the list. points: what is awarded for each parameter; None where nothing is."""
    whole: dict[str, Any] = {
        "feedbackId": "gradients",
        "title": f"gradients: {report.verdict}",
        "message": sentences.counts(report),
        "target": {"artefactType": "MODEL"},
    }
    if report.verdict is not Verdict.CORRECT and report.diagnosis:
        whole["suggestedAction"] = report.diagnosis[0].hint or None
    verdicts = {name: row.verdict for name, row in report.parameters.items()}
    earned = {} if points is None else {row.name: row.earned for row in scores_of(verdicts, points)}
    rows = [_of_parameter(report, row, earned.get(row.name)) for row in report.parameters.values()]
    return [whole, *rows]


def _of_parameter(report: Report, row: ParameterReport, earned: float | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "feedbackId": row.name,
        "title": row.name,
        "message": sentences.state(row),
        "criterion": {"name": row.name},
        "target": {"artefactType": "MODEL", "locator": {"parameter": row.name}},
    }
    if earned is not None:
        found["awardedPoints"] = earned
    if row.verdict is not Verdict.CORRECT:
        own = diagnosis.of_parameter(report, row.name)
        hints = [each.hint for each in own if each.hint]
        found |= {"suggestedAction": hints[0]} if hints else {}
    return found
