"""/v1/reports/{id}: stored reports."""

from hashlib import sha256
from http import HTTPStatus

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from api import signing
from api.dependencies import Caller, TheService
from api.http.negotiation import accepted
from api.http.problems import ProblemError, documented
from api.rendering import MEDIA_TYPES, render_stored
from api.schemas import ReportDocument
from api.service import Service, is_id
from api.services.access import grades, not_found, reads
from api.storage.records import Role, StoredReport, Token

router = APIRouter(tags=["reports"])

_OTHERS = (*(name for name in MEDIA_TYPES if name != "application/json"), signing.MEDIA_TYPE)
_FORMATS = {name: {"schema": {"type": "string"}} for name in _OTHERS}


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
    media_type = accepted(request.headers.get("accept"), (signing.MEDIA_TYPE,))
    report, document = await run_sync(readable, service, caller, report_id)
    whole = document is report.document
    digest = report.etag if whole else sha256(document).hexdigest()  # of nothing that is withheld
    etag = f'"{digest[:32]}-{media_type}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Vary": "Accept, Authorization",
    }
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if media_type == signing.MEDIA_TYPE:
        content = await run_sync(_signed, service, report, document)
    else:
        content = await run_sync(render_stored, document, media_type)
    return Response(content, 200, headers, media_type)


def _signed(service: Service, report: StoredReport, document: bytes) -> bytes:
    named = {"report": report.id, "owner": report.owner, "created": report.created.isoformat()}
    rest = {"assignment": report.assignment, "submission": report.submission}
    return service.signer().sign(document, named | {key: value for key, value in rest.items() if value})


def readable(service: Service, caller: Token, report_id: str) -> tuple[StoredReport, bytes]:
    """Give a report, and of its documents the one that the caller may read. Raises: ProblemError 404, 403."""
    report = service.repository.reports.find(report_id) if is_id(report_id) else None
    stored = None
    if report is not None and report.assignment is not None:
        stored = service.repository.assignments.find(report.assignment)
    if report is None or not reads(caller, report, stored):
        raise not_found("report")
    if caller.role is not Role.STUDENT or (stored is not None and grades(caller, stored)):
        return report, report.document
    if not report.student:
        raise ProblemError(HTTPStatus.FORBIDDEN, "the assignment shows its students no report")
    return report, report.student
