"""POST /v1/checks: a submission in, its report out; nothing is stored."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.answers import MEDIA_TYPES, accepted, answer
from api.bodies import CONTENT_TYPES, read_document
from api.dependencies import Desk
from api.problems import MEDIA_TYPE
from api.schemas import ProblemDocument, ReportDocument, SubmissionDocument

router = APIRouter(tags=["checks"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "schema": {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}},
        "required": ["file"],
    }
}
_CONTENT: dict[str, Any] = {
    name: _FORM if name == "multipart/form-data" else _BINARY for name in CONTENT_TYPES
} | {
    "application/json": {
        "schema": SubmissionDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    }
}
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
            "content": {name: {} for name in MEDIA_TYPES}  # noqa: C420,
        },
        **dict.fromkeys((400, 406, 413, 415, 422), _PROBLEM),
    },
    openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
)
async def check(
    request: Request,
    desk: Desk,
    entries: Annotated[
        Literal["worst", "all"], Query(description="`all` puts the whole arrays beside the worst entries")
    ] = "worst",
) -> Response:
    media_type = accepted(request.headers.get("accept"))
    parse, body = await read_document(request, desk.settings)
    report = await desk.judge(parse, body, entries)
    return answer(report, media_type)
