"""/v1/assignments/{id}/submissions: students' gradients, judged and kept."""

import re
from http import HTTPStatus
from time import monotonic
from typing import Annotated, Any

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from api.contents import REPORT_CONTENT, submission_content
from api.dependencies import Caller, TheService
from api.http.bodies import Body, read_body
from api.http.negotiation import accepted
from api.http.problems import ProblemError, documented
from api.rendering import render_stored
from api.routes.assignments import opened
from api.schemas import GradientsDocument, ReportDocument, SubmissionRow
from api.service import Service, is_id
from api.services.access import grades, not_found, require_role
from api.services.submissions import Kept, submit
from api.storage.records import Role, StoredAssignment, StoredSubmission, Token
from api.token_requests import LONGEST_SUBJECT
from verifier.documents.json_text import write

router = APIRouter(tags=["submissions"])

_NAME = r"^[^\x00-\x1f\x7f]+$"  # of a student
_REQUEST = submission_content(GradientsDocument)


@router.post(
    "/v1/assignments/{assignment_id}/submissions",
    operation_id="submit",
    summary="Judge a student's gradients and keep them",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    responses={
        201: {
            "model": ReportDocument,
            "description": "The report as the student may see it; where that is nothing, a receipt",
            "content": REPORT_CONTENT,
        },
        **documented(400, 401, 403, 404, 406, 409, 413, 415, 422, 429),
    },
    openapi_extra={"requestBody": {"required": True, "content": _REQUEST}},
)
async def create(
    assignment_id: str,
    request: Request,
    service: TheService,
    caller: Caller,
    student: Annotated[
        str | None,
        Query(
            description="for graders: whose it is",
            min_length=1,
            max_length=LONGEST_SUBJECT,
            pattern=_NAME,
        ),
    ] = None,
) -> Response:
    media_type = accepted(request.headers.get("accept"))
    stored = await run_sync(opened, service, caller, assignment_id)
    whose = student_of(caller, stored, student)
    body = await read_body(request, service.settings.largest_body)
    kept = await hand_in(service, caller, stored, whose, body)
    headers = {
        "Location": f"/v1/reports/{kept.report.id}",
        "Link": f'</v1/assignments/{stored.id}/submissions/{kept.submission.id}>; rel="describedby"',
    }
    document = kept.report.document if grades(caller, stored) else kept.report.student
    if not document:
        return Response(_receipt(kept.submission), HTTPStatus.CREATED, headers, "application/json")
    content = await run_sync(render_stored, document, media_type)
    return Response(content, HTTPStatus.CREATED, headers, media_type)


@router.get(
    "/v1/assignments/{assignment_id}/submissions",
    operation_id="list_submissions",
    summary="List submissions: a grader's all, a student's own",
    response_model=list[SubmissionRow],
    response_model_exclude_none=True,
    responses=documented(401, 403, 404, 429),
)
def list_submissions(assignment_id: str, service: TheService, caller: Caller) -> list[dict[str, Any]]:
    return rows(service, opened(service, caller, assignment_id), caller)


@router.get(
    "/v1/assignments/{assignment_id}/submissions/{submission_id}",
    operation_id="read_submission",
    summary="Give a submission: whose, when, which attempt, what came of it",
    response_model=SubmissionRow,
    response_model_exclude_none=True,
    responses=documented(401, 403, 404, 429),
)
def read(assignment_id: str, submission_id: str, service: TheService, caller: Caller) -> dict[str, Any]:
    stored = opened(service, caller, assignment_id)
    return row(stored, opened_submission(service, caller, stored, submission_id), caller)


async def hand_in(
    service: Service, caller: Token, stored: StoredAssignment, student: str, body: Body
) -> Kept:
    """Judge and keep a submission whose body was read; a student is answered at a multiple of the grid.

    Raises: as `submit`.
    """
    begun = monotonic()  # a body sent slowly would shift the grid, and so measure between its lines
    kept = await submit(service, stored, student, body)
    if not grades(caller, stored):
        await _hide_the_time(begun, service.settings.answer_grid)
    return kept


def opened_submission(
    service: Service, caller: Token, stored: StoredAssignment, submission_id: str
) -> StoredSubmission:
    """Give a submission that a grader of the assignment reads, or whose it is. Raises: ProblemError 404."""
    found = service.repository.submissions.find(submission_id) if is_id(submission_id) else None
    theirs = grades(caller, stored) or (found is not None and found.student == _own(caller))
    if found is None or found.assignment != stored.id or not theirs:
        raise not_found("submission")
    return found


def rows(service: Service, stored: StoredAssignment, caller: Token) -> list[dict[str, Any]]:
    """Give the submissions that a caller may see, oldest first. Raises: ProblemError 403."""
    only = None if grades(caller, stored) else student_of(caller, stored, None)
    return [row(stored, each, caller) for each in service.repository.submissions.list(stored.id, only)]


def row(stored: StoredAssignment, submission: StoredSubmission, caller: Token) -> dict[str, Any]:
    """Give what a caller may see of a submission, beside its report."""
    found: dict[str, Any] = {
        "id": submission.id,
        "student": submission.student,
        "attempt": submission.attempt,
        "received": submission.received.isoformat(),
    }
    result = submission.result
    if result is None:
        return found
    grader, allowed = grades(caller, stored), stored.assignment.allowed
    if grader or allowed.verdict:
        found |= {"verdict": result.verdict, "report": result.report}
    if grader or (allowed.verdict and allowed.parameters):
        found |= {"earned": result.earned, "worth": result.worth, "parameters": dict(result.parameters)}
    if grader:
        found |= {"revision": result.revision, "refusal": result.refusal or None}
        found["bugs"] = [{"bug": bug, "layer": layer} for bug, layer in result.bugs]
    return found


def _own(caller: Token) -> str | None:
    return caller.subject if caller.role is Role.STUDENT else None


def student_of(caller: Token, stored: StoredAssignment, named: str | None) -> str:
    """Give whose submission it is. Raises: ProblemError 403, 422."""
    if grades(caller, stored):
        if named is None:
            detail = "a grader's token submits for somebody: name the student with ?student="
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        if not re.fullmatch(_NAME, named) or len(named) > LONGEST_SUBJECT:
            rule = (
                f"expected a student's name of 1 to {LONGEST_SUBJECT} characters, none of them a control one"
            )
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, rule)
        return named
    require_role(caller, Role.STUDENT)
    if named is not None and named != caller.subject:
        raise ProblemError(HTTPStatus.FORBIDDEN, "a student's token submits for its own student alone")
    return caller.subject


async def _hide_the_time(begun: float, grid: float) -> None:
    """Wait for the next multiple of the grid: judging right and wrong gradients takes different times."""
    if grid > 0:
        await anyio.sleep(grid - (monotonic() - begun) % grid)


def _receipt(submission: StoredSubmission) -> bytes:
    document = {
        "schema": "gradjury.receipt/1",
        "submission": submission.id,
        "attempt": submission.attempt,
        "received": submission.received.isoformat(),
    }
    return write(document).encode()
