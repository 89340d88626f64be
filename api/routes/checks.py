"""POST /v1/checks: a submission in, its report out; nothing is stored."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.contents import REPORT_CONTENT, submission_content
from api.dependencies import Checker, service_of
from api.http.bodies import read_body
from api.http.negotiation import accepted
from api.http.problems import documented
from api.schemas import ReportDocument, SubmissionDocument
from api.services.checks import judge
from api.workers.protocol import RenderRequest, Task
from verifier.report import Audience

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
    media_type = accepted(request.headers.get("accept"))
    body = await read_body(request, service.settings.largest_body)
    task = Task(
        body.content,
        body.declared,
        oracles=service.settings.oracle_names,
        render=RenderRequest(media_type, audience=audience, entries=entries),
        bounds=service.settings.bounds,
        tolerance=service.settings.preset,
    )
    outcome = await judge(service, task)
    return Response(outcome.answer, media_type=media_type)
