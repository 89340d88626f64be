"""Read and sign stored reports."""

from http import HTTPStatus

from api.http.problems import ProblemError
from api.service import Service, is_id
from api.services.access import can_grade, can_read, not_found
from api.storage.records import Role, StoredReport, Token


def get_report(service: Service, caller: Token, report_id: str) -> tuple[StoredReport, bytes]:
    """Return a report, and that of its JSON documents which the caller may read.

    Raise ProblemError 404 if the caller may not read the report, 403 if students may see none.
    """
    report = service.repository.reports.find(report_id) if is_id(report_id) else None
    stored = None
    if report is not None and report.assignment is not None:
        stored = service.repository.assignments.find(report.assignment)
    if report is None or not can_read(caller, report, stored):
        raise not_found("report")
    if caller.role is not Role.STUDENT or (stored is not None and can_grade(caller, stored)):
        return report, report.document
    if not report.student:
        raise ProblemError(HTTPStatus.FORBIDDEN, "the assignment shows its students no report")
    return report, report.student


def sign_report(service: Service, report: StoredReport, document: bytes) -> bytes:
    """Return a document of a report as a signed JSON Web Signature."""
    claims = {"report": report.id, "owner": report.owner, "created": report.created.isoformat()}
    origin = {"assignment": report.assignment, "submission": report.submission}
    return service.signer().sign(document, claims | {key: value for key, value in origin.items() if value})
