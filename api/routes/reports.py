"""/v1/reports/{id}: stored reports."""

from hashlib import sha256
from http import HTTPStatus

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from api import signing
from api.dependencies import Caller, TheService
from api.http.negotiation import negotiate
from api.http.problems import documented
from api.rendering import JSON, MEDIA_TYPES
from api.schemas.reports import ReportDocument
from api.services.reports import get_report, render_report, sign_report

router = APIRouter(tags=["reports"])

_OTHER_TYPES = (*(name for name in MEDIA_TYPES if name != JSON), signing.MEDIA_TYPE)
_FORMATS = {name: {"schema": {"type": "string"}} for name in _OTHER_TYPES}


@router.get(
    "/v1/reports/{report_id}",
    operation_id="read_report",
    summary="Give a stored report in any format, to a student as the assignment allows",
    response_class=Response,
    responses={
        200: {"model": ReportDocument, "content": _FORMATS},
        304: {"description": "The report is the one that If-None-Match names"},
        **documented(401, 403, 404, 406, 429),
    },
)
async def read(report_id: str, request: Request, service: TheService, caller: Caller) -> Response:
    media_type = negotiate(request.headers.get("accept"), (signing.MEDIA_TYPE,))
    report, document = await run_sync(get_report, service, caller, report_id)
    etag = f'"{sha256(document).hexdigest()[:32]}-{media_type}"'  # of what is shown, not of what is withheld
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",  # what students may see can change
        "Vary": "Accept, Authorization",
    }
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if media_type == signing.MEDIA_TYPE:
        content = await run_sync(sign_report, service, report, document)
    else:
        content = await render_report(service, document, media_type)
    return Response(content, 200, headers, media_type)
