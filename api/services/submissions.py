"""Judge, score and store students' submissions, and judge them again under changed rules."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from time import monotonic
from typing import Any

import anyio
from anyio.to_thread import run_sync

from api.http.bodies import Body
from api.http.problems import ProblemError, RefusedError
from api.service import Service, is_id, new_id
from api.services.access import can_grade, not_found, owner_name, require_role
from api.services.assignments import problem_for
from api.services.checks import judge
from api.services.tokens import LONGEST_SUBJECT
from api.storage.records import (
    Role,
    StoredAssignment,
    StoredReport,
    StoredSubmission,
    SubmissionResult,
    Token,
)
from api.workers.protocol import Judged, Task
from verifier.documents.json import to_json
from verifier.report.outcome import FileOutcome
from verifier.report.points import earned, score_outcome, score_verdicts, worth
from verifier.report.verdict import Verdict

STUDENT_NAME = r"^[^\x00-\x1f\x7f]+$"  # no control characters


@dataclass(frozen=True, slots=True)
class SubmissionReceipt:
    """A stored submission and its report."""

    submission: StoredSubmission
    report: StoredReport


async def submit(
    service: Service, caller: Token, stored: StoredAssignment, student: str, body: Body
) -> SubmissionReceipt:
    """Judge a submission and store it with its report.

    Judging right and wrong gradients takes different times. Students are therefore answered at multiples of
    the setting `answer_grid`, counted from the moment at which the body has been read: a client could shift a
    grid that began earlier by sending its body slowly.
    Raise ProblemError 403 outside the window of the assignment, 409 if no attempt is left, and RefusedError
    for a malformed submission, which uses no attempt.
    """
    begun = monotonic()
    receipt = await judge_and_store(service, stored, student, body)
    if not can_grade(caller, stored):
        await _wait_for_grid(begun, service.settings.answer_grid)
    return receipt


async def judge_and_store(
    service: Service, stored: StoredAssignment, student: str, body: Body
) -> SubmissionReceipt:
    """Judge a submission and store it with its report. Raise as `submit`."""
    moment = service.now()
    assignment = stored.assignment
    if not assignment.open_at(moment):
        raise ProblemError(HTTPStatus.FORBIDDEN, closed_message(stored))
    store = service.repository.submissions
    used = await run_sync(store.count, stored.id, student)
    if assignment.attempts is not None and used >= assignment.attempts:
        raise ProblemError(HTTPStatus.CONFLICT, no_attempt_message(assignment.attempts))
    submission = StoredSubmission(new_id(), stored.id, student, 0, moment, body.declared, body.content)
    result, report = await _judge(service, stored, submission)
    submission = replace(submission, result=result)
    attempt = await run_sync(store.add, submission, report, assignment.attempts)
    if attempt is None:  # a simultaneous request used the last attempt
        raise ProblemError(HTTPStatus.CONFLICT, no_attempt_message(assignment.attempts or 0))
    return SubmissionReceipt(replace(submission, attempt=attempt), report)


async def regrade_submission(
    service: Service, stored: StoredAssignment, submission: StoredSubmission
) -> SubmissionResult:
    """Judge a stored submission under the assignment's present rules. Its earlier report is kept."""
    report: StoredReport | None
    try:
        result, report = await _judge(service, stored, submission)
    except RefusedError as error:  # its shapes no longer fit the problem
        report = None
        refusal = "\n".join(document_error.sentence for document_error in error.refused.errors)
        no_scores = score_outcome(FileOutcome("", None), stored.assignment.points)
        result = SubmissionResult(None, stored.revision, None, 0.0, worth(no_scores), {}, (), refusal)
    await run_sync(service.repository.submissions.replace_result, submission.id, result, report)
    return result


def get_submission(
    service: Service, caller: Token, stored: StoredAssignment, submission_id: str
) -> StoredSubmission:
    """Return a submission to its student or to a grader. Raise ProblemError 404 for anybody else."""
    submission = service.repository.submissions.find(submission_id) if is_id(submission_id) else None
    student = caller.subject if caller.role is Role.STUDENT else None
    visible = can_grade(caller, stored) or (submission is not None and submission.student == student)
    if submission is None or submission.assignment != stored.id or not visible:
        raise not_found("submission")
    return submission


def list_submissions(service: Service, stored: StoredAssignment, caller: Token) -> list[dict[str, Any]]:
    """Return all submissions to a grader, and students their own, as JSON, oldest first.

    Raise ProblemError 403 for other roles.
    """
    student = None if can_grade(caller, stored) else resolve_student(caller, stored, None)
    submissions = service.repository.submissions.list(stored.id, student)
    return [submission_document(stored, submission, caller) for submission in submissions]


def submission_document(
    stored: StoredAssignment, submission: StoredSubmission, caller: Token
) -> dict[str, Any]:
    """Return those fields of a submission as JSON that the caller may see."""
    document: dict[str, Any] = {
        "id": submission.id,
        "student": submission.student,
        "attempt": submission.attempt,
        "received": submission.received.isoformat(),
    }
    result = submission.result
    if result is None:
        return document
    grader, visibility = can_grade(caller, stored), stored.assignment.visibility
    if grader or visibility.verdict:
        document |= {"verdict": result.verdict, "report": result.report}
    if grader or (visibility.verdict and visibility.parameters):
        document |= {"earned": result.earned, "worth": result.worth, "parameters": dict(result.parameters)}
    if grader:
        document |= {"revision": result.revision, "refusal": result.refusal or None}
        document["bugs"] = [{"bug": bug, "layer": layer} for bug, layer in result.bugs]
    return document


def receipt_document(submission: StoredSubmission) -> dict[str, Any]:
    """Return the JSON receipt of a submission whose report the student may not see."""
    return {
        "schema": "gradjury.receipt/1",
        "submission": submission.id,
        "attempt": submission.attempt,
        "received": submission.received.isoformat(),
    }


def resolve_student(caller: Token, stored: StoredAssignment, name: str | None) -> str:
    """Return the student of a submission: the one that a grader names, or the caller.

    Raise ProblemError 422 if a grader names nobody or an invalid name, 403 if the caller may not submit.
    """
    if can_grade(caller, stored):
        if name is None:
            detail = "a grader's token submits for somebody: name the student with ?student="
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        if not re.fullmatch(STUDENT_NAME, name) or len(name) > LONGEST_SUBJECT:
            rule = (
                f"expected a student's name of 1 to {LONGEST_SUBJECT} characters, none of them a control one"
            )
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, rule)
        return name
    require_role(caller, Role.STUDENT)
    if name is not None and name != caller.subject:
        raise ProblemError(HTTPStatus.FORBIDDEN, "a student's token submits for its own student alone")
    return caller.subject


def submission_task(service: Service, stored: StoredAssignment, submission: StoredSubmission) -> Task:
    """Return the task of a submission. It reads the database."""
    return Task(
        submission.content,
        submission.declared,
        problem=to_json(problem_for(service, stored, submission.student)).encode(),
        name=stored.assignment.title,
        oracles=service.settings.oracle_names,
        visibility=stored.assignment.visibility,
        store=True,
        bounds=service.settings.bounds,
    )


def records_of(
    stored: StoredAssignment, submission: StoredSubmission, outcome: Judged, begun: datetime
) -> tuple[SubmissionResult, StoredReport]:
    """Return the result and the report of a judged submission.

    begun: the start of judging. The report has this time, because its end would reveal how long judging took.
    """
    report = StoredReport(
        new_id(),
        owner_name(Role.STUDENT, submission.student),
        stored.id,
        submission.id,
        outcome.document,
        outcome.student if stored.assignment.visibility.verdict else b"",
        sha256(outcome.document).hexdigest(),
        begun,
    )
    return _result(stored, outcome, report.id), report


def closed_message(stored: StoredAssignment) -> str:
    """Return the message for a submission outside the assignment's window."""
    opens, closes = stored.assignment.opens, stored.assignment.closes
    begin = "the beginning" if opens is None else opens.isoformat()
    end = "no end" if closes is None else closes.isoformat()
    return f"the assignment takes submissions from {begin} to {end}"


def no_attempt_message(attempts: int) -> str:
    return f"all {attempts} attempts are used"


async def _judge(
    service: Service, stored: StoredAssignment, submission: StoredSubmission
) -> tuple[SubmissionResult, StoredReport]:
    begun = service.now()
    task = await run_sync(submission_task, service, stored, submission)
    return records_of(stored, submission, await judge(service, task), begun)


async def _wait_for_grid(begun: float, grid: float) -> None:
    """Sleep until the next multiple of `grid` seconds after `begun`."""
    if grid > 0:
        await anyio.sleep(grid - (monotonic() - begun) % grid)


def _result(stored: StoredAssignment, outcome: Judged, report_id: str) -> SubmissionResult:
    verdicts = dict(outcome.findings.parameters)
    rows = score_verdicts(verdicts, stored.assignment.points)
    return SubmissionResult(
        report_id,
        stored.revision,
        Verdict(outcome.findings.verdict),
        earned(rows),
        worth(rows),
        verdicts,
        outcome.findings.bugs,
    )
