"""A student's gradients judged, scored and kept; and judged again under changed rules."""

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus

from anyio.to_thread import run_sync

from api.http.bodies import Body
from api.http.problems import ProblemError, RefusedError
from api.service import Service, new_id
from api.services.access import holder
from api.services.checks import judge
from api.storage.records import Result, Role, StoredAssignment, StoredReport, StoredSubmission
from api.workers.protocol import Judged, Task
from verifier.documents.json_text import write
from verifier.instance import instance_key, instance_of
from verifier.points import earned, scores, scores_of, worth
from verifier.sourced import Sourced
from verifier.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Kept:
    submission: StoredSubmission
    report: StoredReport


async def submit(service: Service, stored: StoredAssignment, student: str, body: Body) -> Kept:
    """Judge gradients for an assignment and keep them, content and report together.

    Raises: ProblemError 403 outside the window, 409 when no attempt is left; RefusedError for what is
    malformed, which uses up no attempt.
    """
    moment = service.now()
    assignment = stored.assignment
    if not assignment.open_at(moment):
        raise ProblemError(HTTPStatus.FORBIDDEN, closed(stored))
    store = service.repository.submissions
    made = await run_sync(store.count, stored.id, student)
    if assignment.attempts is not None and made >= assignment.attempts:
        raise ProblemError(HTTPStatus.CONFLICT, no_attempt_left(assignment.attempts))
    submission = StoredSubmission(new_id(), stored.id, student, 0, moment, body.declared, body.content)
    result, report = await _judge(service, stored, submission)
    submission = replace(submission, result=result)
    attempt = await run_sync(store.add, submission, report, assignment.attempts)
    if attempt is None:  # another of the student's requests took the last one meanwhile
        raise ProblemError(HTTPStatus.CONFLICT, no_attempt_left(assignment.attempts or 0))
    return Kept(replace(submission, attempt=attempt), report)


async def judge_again(service: Service, stored: StoredAssignment, submission: StoredSubmission) -> Result:
    """Judge a stored submission under the assignment's present rules; its earlier report is kept."""
    report: StoredReport | None
    try:
        result, report = await _judge(service, stored, submission)
    except RefusedError as error:  # the problem has another shape now
        report = None
        refusal = "\n".join(mistake.sentence for mistake in error.refused.mistakes)
        nothing = scores(Sourced("", None), stored.assignment.points)
        result = Result(None, stored.revision, None, 0.0, worth(nothing), {}, (), refusal)
    await run_sync(service.repository.submissions.replace_result, submission.id, result, report)
    return result


def problem_for(service: Service, stored: StoredAssignment, student: str) -> dict[str, object]:
    """Give the problem's document as a student has it, with numbers of their own where it says so."""
    problem = dict(stored.assignment.problem)
    if not stored.assignment.per_student:
        return problem
    return instance_of(problem, instance_key(service.instance_secret(), stored.id, student))


def task_for(service: Service, stored: StoredAssignment, submission: StoredSubmission) -> Task:
    """Give what is to be judged; it reads the storage."""
    return Task(
        submission.content,
        submission.declared,
        problem=write(problem_for(service, stored, submission.student)).encode(),
        name=stored.assignment.title,
        oracles=service.settings.oracle_names,
        allowed=stored.assignment.allowed,
        store=True,
        bounds=service.settings.bounds,
    )


def records_of(
    stored: StoredAssignment, submission: StoredSubmission, outcome: Judged, begun: datetime
) -> tuple[Result, StoredReport]:
    """Give what is kept of a judged submission.

    begun: when judging began, which the report tells; its end would tell how long it took.
    """
    report = StoredReport(
        new_id(),
        holder(Role.STUDENT, submission.student),
        stored.id,
        submission.id,
        outcome.document,
        outcome.student if stored.assignment.allowed.verdict else b"",
        sha256(outcome.document).hexdigest(),
        begun,
    )
    return _result(stored, outcome, report.id), report


def closed(stored: StoredAssignment) -> str:
    """Say when an assignment takes submissions."""
    opens, closes = stored.assignment.opens, stored.assignment.closes
    begin = "the beginning" if opens is None else opens.isoformat()
    end = "no end" if closes is None else closes.isoformat()
    return f"the assignment takes submissions from {begin} to {end}"


def no_attempt_left(attempts: int) -> str:
    return f"all {attempts} attempts are used"


async def _judge(
    service: Service, stored: StoredAssignment, submission: StoredSubmission
) -> tuple[Result, StoredReport]:
    begun = service.now()
    task = await run_sync(task_for, service, stored, submission)
    return records_of(stored, submission, await judge(service, task), begun)


def _result(stored: StoredAssignment, outcome: Judged, report_id: str) -> Result:
    verdicts = dict(outcome.findings.parameters)
    rows = scores_of(verdicts, stored.assignment.points)
    return Result(
        report_id,
        stored.revision,
        Verdict(outcome.findings.verdict),
        earned(rows),
        worth(rows),
        verdicts,
        outcome.findings.bugs,
    )
