"""POST /v1/checks: judge a submission and return its report. Nothing is stored."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.dependencies import Checker, service_of
from api.http.bodies import read_body
from api.http.negotiation import negotiate
from api.http.openapi import REPORT_CONTENT, submission_content
from api.http.problems import documented
from api.schemas.reports import ReportDocument
from api.schemas.submissions import SubmissionDocument
from api.services.checks import check_task, judge
from api.workers.protocol import RenderRequest
from verifier.report.model import Audience

router = APIRouter(tags=["checks"])

_REQUEST = submission_content(SubmissionDocument)


@router.post(
    "/v1/checks",
    operation_id="check",
    summary="Judge a submission",
    response_class=Response,
    responses={
        200: {
            "model": ReportDocument,
            "description": "The report; a wrong gradient is a finding, not an error",
            "content": REPORT_CONTENT,
        },
        **documented(400, 401, 403, 406, 413, 415, 422, 429),
    },
    openapi_extra={"requestBody": {"required": True, "content": _REQUEST}},
)
async def check(
    request: Request,
    checker: Checker,
    entries: Annotated[
        Literal["worst", "all"], Query(description="`all` puts the whole arrays beside the worst entries")
    ] = "worst",
    audience: Annotated[
        Audience,
        Query(description="`student` gives verdicts and hints alone, nothing that tells the gradient"),
    ] = Audience.GRADER,
) -> Response:
    service = await service_of(request)
    media_type = negotiate(request.headers.get("accept"))
    body = await read_body(request, service.settings.largest_body)
    render = RenderRequest(media_type, audience=audience, entries=entries)
    task = check_task(service, body.content, render, body.declared)
    outcome = await judge(service, task)
    return Response(outcome.answer, media_type=media_type)
