"""/v1/assignments/{id}/submissions: students' gradients, judged and stored."""

from http import HTTPStatus
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query, Request, Response

from api.dependencies import Caller, TheService
from api.http.bodies import read_body
from api.http.negotiation import negotiate
from api.http.openapi import REPORT_CONTENT, submission_content
from api.http.problems import documented
from api.rendering import JSON
from api.schemas.classes import SubmissionRow
from api.schemas.reports import ReportDocument
from api.schemas.submissions import GradientsDocument
from api.services import submissions
from api.services.assignments import get_assignment
from api.services.reports import render_report
from api.services.submissions import STUDENT_NAME
from api.services.tokens import LONGEST_SUBJECT
from verifier.documents.json import encode, to_json

router = APIRouter(tags=["submissions"])

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
            pattern=STUDENT_NAME,
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None, Header(description="a repeated request with the same key is judged once")
    ] = None,
) -> Response:
    media_type = negotiate(request.headers.get("accept"))
    stored = await run_sync(get_assignment, service, caller, assignment_id)
    name = submissions.resolve_student(caller, stored, student)
    body = await read_body(request, service.settings.largest_body)
    if idempotency_key is None:
        receipt = await submissions.submit(service, caller, stored, name, body)
    else:
        receipt = await submissions.submit_once(service, caller, stored, name, body, idempotency_key)
    shown = receipt.submission.id if receipt.report is None else receipt.report.id
    headers = {
        "Location": f"/v1/reports/{shown}",
        "Link": f'</v1/assignments/{stored.id}/submissions/{receipt.submission.id}>; rel="describedby"',
    }
    if not receipt.document:
        content = to_json(submissions.receipt_document(receipt.submission)).encode()
        return Response(content, HTTPStatus.CREATED, headers, JSON)
    content = await render_report(service, receipt.document, media_type)
    return Response(content, HTTPStatus.CREATED, headers, media_type)


@router.get(
    "/v1/assignments/{assignment_id}/submissions",
    operation_id="list_submissions",
    summary="List submissions: a grader's all, a student's own",
    response_model=list[SubmissionRow],
    response_model_exclude_none=True,
    responses=documented(401, 403, 404, 429),
)
def list_submissions(assignment_id: str, service: TheService, caller: Caller) -> Response:
    stored = get_assignment(service, caller, assignment_id)
    rows = submissions.list_submissions(service, stored, caller)
    # without FastAPI's check against the model, which takes a second for thousands of rows
    return Response(encode([_without_none(row) for row in rows]), media_type=JSON)


@router.get(
    "/v1/assignments/{assignment_id}/submissions/{submission_id}",
    operation_id="read_submission",
    summary="Give a submission: whose, when, which attempt, what came of it",
    response_model=SubmissionRow,
    response_model_exclude_none=True,
    responses=documented(401, 403, 404, 429),
)
def read(assignment_id: str, submission_id: str, service: TheService, caller: Caller) -> dict[str, Any]:
    stored = get_assignment(service, caller, assignment_id)
    submission = submissions.get_submission(service, caller, stored, submission_id)
    return submissions.submission_document(stored, submission, caller, service.now())


def _without_none(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as `SubmissionRow` writes it: nothing that is None, in its `bugs` neither."""
    present = {name: value for name, value in row.items() if value is not None}
    if "bugs" in present:
        present["bugs"] = [
            {name: value for name, value in bug.items() if value is not None} for bug in present["bugs"]
        ]
    return present
