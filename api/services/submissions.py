"""Judge, score and store students' submissions.

An attempt is reserved before it is judged, so that no count, list or refusal tells how long judging takes.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from time import monotonic
from typing import Any

import anyio
from anyio.to_thread import run_sync

from api.http.bodies import Body
from api.http.idempotency import KeyedRequest, Reply, idempotent_reply, in_work
from api.http.problems import ProblemError, RefusedError
from api.problem import stored_problem
from api.service import Service, is_id, new_id
from api.services.access import can_grade, not_found, owner_name, require_role
from api.services.answer_grid import AnswerGrid, begin_answer, note_judged
from api.services.assignments import student_key
from api.services.checks import judge_attempt, reason_of, stopped_problem
from api.services.names import normalize_name
from api.services.reports import student_view
from api.services.tokens import LONGEST_SUBJECT
from api.storage.records import (
    AssignmentGoneError,
    Role,
    StoredAssignment,
    StoredReport,
    StoredSubmission,
    SubmissionResult,
    Token,
)
from api.workers.protocol import Judged, Stopped, Task
from verifier.documents.json import parse
from verifier.report.assignment import Assignment
from verifier.report.outcome import FileOutcome
from verifier.report.points import earned, score_outcome, score_verdicts, worth
from verifier.report.verdict import Verdict

STUDENT_NAME = r"^[^\x00-\x1f\x7f]+$"  # no control characters
_LONGEST_WAIT = 240.0  # seconds in line and in work, after which an attempt is given back
_EARLIER = 0.002  # seconds by which a list shows a result before the answer, so that both agree
_UNREAD = FileOutcome("", None)
_SUBMISSION = "submission"  # in a stored reply
_STALE = timedelta(seconds=300)  # an older reservation is one of a process that died


@dataclass(frozen=True, slots=True)
class SubmissionReceipt:
    """A stored submission.

    report: None if judging was stopped. document: the report that the caller may see, empty for none.
    """

    submission: StoredSubmission
    report: StoredReport | None
    document: bytes


async def submit(
    service: Service,
    caller: Token,
    stored: StoredAssignment,
    student: str,
    body: Body,
    submission_id: str | None = None,
) -> SubmissionReceipt:
    """Judge a submission and store it with its report.

    Students are answered, whatever the answer is, at moments that `api.services.answer_grid` gives. These
    count from when the body was read: a client could shift a moment that was counted from earlier by sending
    its body slowly.
    Raise ProblemError 403 outside the window of the assignment, 409 if no attempt is left, 413 for a
    submission that was stopped at a limit, which uses an attempt, and RefusedError for a malformed one, which
    uses none.
    """
    if can_grade(caller, stored):
        return await judge_and_store(service, stored, student, body, None, submission_id)
    grid = begin_answer(service, stored.id)
    try:
        return await judge_and_store(service, stored, student, body, grid, submission_id)
    finally:
        await grid.wait()


async def submit_once(
    service: Service, caller: Token, stored: StoredAssignment, student: str, body: Body, key: str
) -> SubmissionReceipt:
    """Submit, unless a request with the same Idempotency-Key did. Return the receipt of the first one.

    Raise ProblemError as `submit` and as `idempotent_reply`.
    """
    text = f"submission {stored.id} {student} {body.declared} ".encode()

    def id_of(begun: datetime) -> str:
        return service.derived_id(f"submission {caller.id} {begun.isoformat()} {key}")

    def find(begun: datetime) -> Reply | None:
        submission = service.repository.submissions.find(id_of(begun))
        if submission is None or (submission.shown is None and submission.received < service.now() - _STALE):
            return None
        if not is_shown(submission, service.now()):  # no answer tells how long judging takes
            raise in_work()
        return _reply(submission)

    async def create(begun: datetime) -> Reply:
        submission_id = await run_sync(id_of, begun)
        try:
            receipt = await submit(service, caller, stored, student, body, submission_id)
        except ProblemError:
            submission = await run_sync(service.repository.submissions.find, submission_id)
            if submission is None or submission.result is None:
                raise
            return _reply(submission)  # judging was stopped at a limit, and the attempt counts
        return _reply(receipt.submission)

    keyed = KeyedRequest(caller.id, key, sha256(text + body.content).digest(), service.now())
    reply = await idempotent_reply(service.repository.replies, keyed, find, create)
    return await run_sync(_stored_receipt, service, caller, stored, reply.headers[_SUBMISSION])


async def judge_and_store(
    service: Service,
    stored: StoredAssignment,
    student: str,
    body: Body,
    grid: AnswerGrid | None,
    submission_id: str | None = None,
) -> SubmissionReceipt:
    """Judge a submission and store it with its report. Raise as `submit`.

    grid: the moments of a student's answer; None for a grader's answer.
    submission_id: the id to store it under; None for a new one.
    """
    moment = service.now()
    if not stored.assignment.open_at(moment):
        await run_sync(note_refusal, service, stored, student, closed_message(stored))
        raise ProblemError(HTTPStatus.FORBIDDEN, closed_message(stored))
    store = service.repository.submissions
    submission = StoredSubmission(
        submission_id or new_id(), stored.id, student, 0, moment, body.declared, body.content
    )
    attempt = await run_sync(_reserve, service, stored, submission)
    submission = replace(submission, attempt=attempt)
    try:
        with anyio.fail_after(_LONGEST_WAIT, shield=True):  # leaving before the answer must tell nothing
            outcome = await judge_attempt(
                service, await run_sync(submission_task, service, stored, submission)
            )
    except BaseException as error:
        with anyio.CancelScope(shield=True):
            await run_sync(store.release, submission.id)
            if isinstance(error, RefusedError):
                await run_sync(note_refusal, service, stored, student, reason_of(error.refused))
        if isinstance(error, TimeoutError):
            detail = "the service is too busy to judge it; no attempt is used"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "30"}) from None
        raise
    submission, report = await run_sync(records_of, stored, submission, outcome, moment)
    if grid is not None:
        note_judged(service, stored.id, student, grid)
        seconds = grid.next() - monotonic() - _EARLIER
        submission = replace(submission, shown=service.now() + timedelta(seconds=max(0.0, seconds)))
    if not await run_sync(store.finish, submission, report):
        detail = "the attempt was given back while it was judged; send it again"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "30"})
    seen = stored.assignment.visibility
    if grid is not None and not seen.verdict:
        return SubmissionReceipt(submission, report, b"")
    if isinstance(outcome, Stopped):
        raise stopped_problem(outcome, counted=True)
    assert report is not None
    if grid is None:
        return SubmissionReceipt(submission, report, report.document)
    return SubmissionReceipt(submission, report, await run_sync(student_view, report.document, seen))


def _reply(submission: StoredSubmission) -> Reply:
    return Reply(HTTPStatus.CREATED, {_SUBMISSION: submission.id}, b"")


def _stored_receipt(
    service: Service, caller: Token, stored: StoredAssignment, submission_id: str
) -> SubmissionReceipt:
    """Return the receipt of a stored submission. Raise ProblemError 413 if judging it was stopped."""
    submission = service.repository.submissions.find(submission_id)
    if submission is None or submission.result is None:
        raise not_found("submission")
    grader, seen = can_grade(caller, stored), stored.assignment.visibility
    report = service.repository.reports.find(submission.result.report or "")
    if not grader and not seen.verdict:
        return SubmissionReceipt(submission, report, b"")
    if report is None:
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, submission.result.refusal)
    document = service.repository.reports.document(report.id)
    return SubmissionReceipt(submission, report, document if grader else student_view(document, seen))


def result_of_refusal(stored: StoredAssignment, reason: str) -> SubmissionResult:
    """Return the result of a submission that could not be judged. It earns nothing."""
    return SubmissionResult(None, stored.revision, None, 0.0, full_worth(stored.assignment), {}, (), reason)


def full_worth(assignment: Assignment) -> float:
    """Return the points that an assignment is worth."""
    points = assignment.points
    verdicts = dict.fromkeys(stored_problem(assignment.problem).shapes, Verdict.MISSING)
    return worth(score_verdicts(verdicts, points) if verdicts else score_outcome(_UNREAD, points))


def note_refusal(service: Service, stored: StoredAssignment, student: str, reason: str) -> None:
    """Note for the roster that a submission was refused. It is not stored, and uses no attempt."""
    service.repository.roster.refuse(stored.id, student, reason, service.now())


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
    """Return all submissions to a grader, and students their own, as JSON, by student and attempt.

    Raise ProblemError 403 for other roles.
    """
    student = None if can_grade(caller, stored) else resolve_student(caller, stored, None)
    submissions = service.repository.submissions.list(stored.id, student)
    moment = service.now()
    return [submission_document(stored, submission, caller, moment) for submission in submissions]


def submission_document(
    stored: StoredAssignment, submission: StoredSubmission, caller: Token, moment: datetime
) -> dict[str, Any]:
    """Return those fields of a submission as JSON that the caller may see at a moment."""
    document: dict[str, Any] = {
        "id": submission.id,
        "student": submission.student,
        "attempt": submission.attempt,
        "received": submission.received.isoformat(),
    }
    result, grader = submission.result, can_grade(caller, stored)
    if result is None or not (grader or is_shown(submission, moment)):
        return document
    visibility = stored.assignment.visibility
    if grader or visibility.verdict:
        document |= {"verdict": result.verdict, "report": result.report}
    if grader or (visibility.verdict and visibility.parameters):
        document |= {"earned": result.earned, "worth": result.worth, "parameters": dict(result.parameters)}
    if grader:
        document |= {"revision": result.revision, "refusal": result.refusal or None}
        document["bugs"] = [{"bug": bug, "layer": layer} for bug, layer in result.bugs]
    return document


def is_shown(submission: StoredSubmission, moment: datetime) -> bool:
    """True if students may see the result of a submission: it is judged, and the answer has been sent."""
    return submission.shown is not None and submission.shown <= moment


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
            detail = "a grader's token submits for a student: name one by ?student= (--student)"
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        name = normalize_name(name)
        if not is_student_name(name):
            rule = (
                f"expected a student's name of 1 to {LONGEST_SUBJECT} characters, none of them a control one"
            )
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, rule)
        return name
    require_role(caller, Role.STUDENT)
    if name is not None and normalize_name(name) != caller.subject:
        raise ProblemError(HTTPStatus.FORBIDDEN, "a student's token submits for its own student alone")
    return caller.subject


def is_student_name(name: str) -> bool:
    """True if submissions can be kept under a name, in the form of `normalize_name`."""
    return re.fullmatch(STUDENT_NAME, name) is not None and len(name) <= LONGEST_SUBJECT


def submission_task(service: Service, stored: StoredAssignment, submission: StoredSubmission) -> Task:
    """Return the task of a submission. It reads the database."""
    return Task(
        submission.content,
        submission.declared,
        problem=stored.problem.json,
        key=student_key(service, stored, submission.student),
        name=stored.assignment.title,
        oracles=service.settings.oracle_names,
        store=True,
        bounds=service.settings.bounds,
    )


def records_of(
    stored: StoredAssignment, submission: StoredSubmission, outcome: Judged | Stopped, begun: datetime
) -> tuple[StoredSubmission, StoredReport | None]:
    """Return a submission with its result, and with its content as it was parsed, and its report.

    begun: the start of judging. The report has this time, because its end would reveal how long judging took.
    """
    if isinstance(outcome, Stopped):
        result = result_of_refusal(stored, reason_of(outcome))
        return replace(submission, result=result), None
    report = StoredReport(
        new_id(),
        owner_name(Role.STUDENT, submission.student),
        stored.id,
        submission.id,
        outcome.document,
        sha256(outcome.document).hexdigest(),
        begun,
    )
    content = outcome.content or submission.content
    submission = replace(submission, content=content, declared=outcome.declared or submission.declared)
    return replace(submission, result=_result(stored, outcome, report)), report


def closed_message(stored: StoredAssignment) -> str:
    """Return the message for a submission outside the assignment's window."""
    opens, closes = stored.assignment.opens, stored.assignment.closes
    begin = "the beginning" if opens is None else opens.isoformat()
    end = "no end" if closes is None else closes.isoformat()
    return f"the assignment takes submissions from {begin} to {end}"


def no_attempt_message(attempts: int) -> str:
    return f"all {attempts} attempts are used"


def check_quota(service: Service, stored: StoredAssignment, student: str) -> None:
    """Raise ProblemError 413 if a student has used up the bytes that are kept for an assignment."""
    most = service.settings.largest_kept
    if service.repository.submissions.size(stored.id, student) >= most:
        rule = f"expected at most {most} bytes of one student's submissions and reports, and they are used up"
        remedy = "have a grader raise GRADJURY_LARGEST_KEPT"
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{rule}; {remedy}")


def _reserve(service: Service, stored: StoredAssignment, submission: StoredSubmission) -> int:
    """Reserve an attempt and return its number. Raise ProblemError 409 or 413."""
    check_quota(service, stored, submission.student)
    attempts = stored.assignment.attempts
    stale = submission.received - _STALE
    try:
        attempt = service.repository.submissions.reserve(submission, attempts, stale)
    except AssignmentGoneError:
        raise not_found("assignment") from None
    if attempt is None:
        raise ProblemError(HTTPStatus.CONFLICT, no_attempt_message(attempts or 0))
    return attempt


def _result(stored: StoredAssignment, outcome: Judged, report: StoredReport) -> SubmissionResult:
    verdicts = dict(outcome.findings.parameters)
    rows = score_verdicts(verdicts, stored.assignment.points)
    return SubmissionResult(
        report.id,
        stored.revision,
        Verdict(outcome.findings.verdict),
        earned(rows),
        worth(rows),
        verdicts,
        outcome.findings.bugs,
        summary=_summary(parse(report.document)),
    )


def _summary(document: dict[str, Any]) -> dict[str, Any]:
    """Return what the page of a class shows of a report. Migration 0002 did the same for earlier ones."""
    errors = {row["name"]: row.get("max_rel_error") for row in document["parameters"]}
    return {
        "errors": {name: error for name, error in errors.items() if error is not None},
        "findings": [
            [row["bug"], row["title"] or row["bug"], row["layer"], row.get("factor"), row["parameters"]]
            for row in document["diagnosis"]
        ],
    }
