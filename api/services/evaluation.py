"""The uEd evaluation API, version 0.1.0: judge a submission and return a list of feedback.

With an assignment it is for graders, because nothing is stored and a student's attempts would not be counted.
"""

from http import HTTPStatus
from typing import Any

from anyio.to_thread import run_sync

from api.http.problems import ProblemError, unauthorized
from api.rendering import JSON
from api.service import Service
from api.services.access import require_role
from api.services.assignments import get_graded_assignment
from api.services.checks import judge
from api.storage.records import Role, StoredAssignment, Token
from api.workers.protocol import RenderRequest, Task
from verifier.documents.json import parse
from verifier.report import wording
from verifier.report.assignment import DEFAULT
from verifier.report.model import Audience, ParameterReport
from verifier.report.points import Points, score_verdicts
from verifier.report.reading import read_report
from verifier.report.report import Report
from verifier.report.verdict import Verdict


async def evaluate_submission(
    service: Service, caller: Token | None, content: bytes, task_id: str | None, audience: Audience
) -> list[dict[str, Any]]:
    """Judge a submission and return its feedback; nothing is stored.

    content: the submission, as JSON. task_id: id of the assignment whose problem the content answers with
    gradients alone.
    Raise ProblemError 401 or 403 if the caller does not grade the assignment, or if students may see no
    verdict.
    """
    stored: StoredAssignment | None = None
    if task_id is not None:
        if caller is None:
            raise unauthorized("a task of this service needs a grader's token")
        require_role(caller, Role.GRADER)
        stored = await run_sync(get_graded_assignment, service, caller, task_id)
    assignment = None if stored is None else stored.assignment
    visibility = assignment.visibility if assignment is not None else DEFAULT
    if audience is Audience.STUDENT and not visibility.verdict:
        raise ProblemError(HTTPStatus.FORBIDDEN, "the assignment shows its students no verdict")
    task = Task(
        content,
        "json",
        problem=None if stored is None else stored.problem.json,
        oracles=service.settings.oracle_names,
        visibility=visibility,
        render=RenderRequest(JSON, audience=audience),
        bounds=service.settings.bounds,
        tolerance=service.settings.preset,
    )
    outcome = await judge(service, task)
    report = read_report(parse(outcome.answer))
    return _feedback(report, None if assignment is None else assignment.points)


def _feedback(report: Report, points: Points | None) -> list[dict[str, Any]]:
    """Return the feedback on the whole submission, then on each parameter."""
    summary: dict[str, Any] = {
        "feedbackId": "gradients",
        "title": f"gradients: {report.verdict}",
        "message": wording.counts(report),
        "target": {"artefactType": "MODEL"},
    }
    if report.verdict is not Verdict.CORRECT and report.diagnosis:
        summary["suggestedAction"] = report.diagnosis[0].hint or None
    verdicts = {name: row.verdict for name, row in report.parameters.items()}
    earned = {} if points is None else {row.name: row.earned for row in score_verdicts(verdicts, points)}
    rows = [_parameter_feedback(report, row, earned.get(row.name)) for row in report.parameters.values()]
    return [summary, *rows]


def _parameter_feedback(report: Report, row: ParameterReport, earned: float | None) -> dict[str, Any]:
    feedback: dict[str, Any] = {
        "feedbackId": row.name,
        "title": row.name,
        "message": wording.parameter_summary(row),
        "criterion": {"name": row.name},
        "target": {"artefactType": "MODEL", "locator": {"parameter": row.name}},
    }
    if earned is not None:
        feedback["awardedPoints"] = earned
    if row.verdict is not Verdict.CORRECT:
        hints = [finding.hint for finding in wording.diagnoses_of(report, row.name) if finding.hint]
        feedback |= {"suggestedAction": hints[0]} if hints else {}
    return feedback
