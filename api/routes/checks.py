"""POST /v1/checks: a submission in, its report out; nothing is stored."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.answers import MEDIA_TYPES, accepted, answer
from api.bodies import CONTENT_TYPES, read_document
from api.dependencies import Desk
from api.openapi import reference
from api.problems import MEDIA_TYPE
from api.schemas import ProblemDocument, ReportDocument, SubmissionDocument
from verifier.audience import for_student
from verifier.report import Audience

router = APIRouter(tags=["checks"])

_SCHEMAS: dict[str, dict[str, Any]] = {
    "application/json": reference(SubmissionDocument),
    "multipart/form-data": {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}},
        "required": ["file"],
    },
}
_BINARY = {"type": "string", "format": "binary"}
_REQUEST = {name: {"schema": _SCHEMAS.get(name, _BINARY)} for name in CONTENT_TYPES}
_REPORT = {name: {"schema": {"type": "string"}} for name in MEDIA_TYPES if name != "application/json"}
_PROBLEM = {"model": ProblemDocument, "content": {MEDIA_TYPE: {}}}


@router.post(
    "/v1/checks",
    operation_id="check",
    summary="Judge a submission",
    response_class=Response,
    responses={
        200: {
            "model": ReportDocument,
            "description": "The report; a wrong gradient is a finding, not an error",
            "content": _REPORT,
        },
        **dict.fromkeys((400, 406, 413, 415, 422), _PROBLEM),
    },
    openapi_extra={"requestBody": {"required": True, "content": _REQUEST}},
)
async def check(
    request: Request,
    desk: Desk,
    entries: Annotated[
        Literal["worst", "all"], Query(description="`all` puts the whole arrays beside the worst entries")
    ] = "worst",
    audience: Annotated[
        Audience,
        Query(description="`student` gives verdicts and hints alone, nothing that tells the gradient"),
    ] = Audience.GRADER,
) -> Response:
    media_type = accepted(request.headers.get("accept"))
    parse, body = await read_document(request, desk.settings)
    report = await desk.judge(parse, body, entries)
    return answer(for_student(report) if audience is Audience.STUDENT else report, media_type)
