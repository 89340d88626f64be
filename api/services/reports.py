"""Read and sign stored reports. What a student may see of one is decided when it is shown."""

from http import HTTPStatus

from api.http.problems import ProblemError
from api.rendering import JSON
from api.service import Service, is_id
from api.services.access import can_grade, can_read, not_found
from api.services.checks import read
from api.storage.records import Role, StoredAssignment, StoredReport, Token
from api.workers.protocol import ReadTask, RenderRequest
from verifier.documents.json import parse, to_json
from verifier.exporters.student_view import to_student_view
from verifier.report.assignment import StudentVisibility
from verifier.report.reading import read_report


def get_report(service: Service, caller: Token, report_id: str) -> tuple[StoredReport, bytes]:
    """Return a report, and its JSON document as the caller may see it.

    Raise ProblemError 404 if the caller may not read the report, 403 if students may see none.
    """
    report = service.repository.reports.find(report_id) if is_id(report_id) else None
    if report is None:
        raise _without_report(service, caller, report_id)
    stored = None
    if report.assignment is not None:
        stored = service.repository.assignments.find(report.assignment)
    if not can_read(caller, report, stored):
        raise not_found("report")
    if caller.role is not Role.STUDENT or (stored is not None and can_grade(caller, stored)):
        return report, service.repository.reports.document(report_id)
    if stored is None or not _shows_report(service, stored, report):
        raise _hidden()
    document = service.repository.reports.document(report_id)
    return report, student_view(document, stored.assignment.visibility)


async def render_report(service: Service, document: bytes, media_type: str) -> bytes:
    """Return a stored JSON report in the format of a media type; JSON is returned as it was stored."""
    if media_type == JSON:
        return document
    return await _rendered(service, document, RenderRequest(media_type))


async def render_report_section(service: Service, document: bytes) -> str:
    """Return a stored JSON report as a section of a web page. It lists only the worst entries."""
    return (await _rendered(service, document, RenderRequest(section=True))).decode()


async def _rendered(service: Service, document: bytes, request: RenderRequest) -> bytes:
    task = ReadTask(document, "report", service.settings.bounds, render=request)
    return (await read(service, task)).content


def student_view(document: bytes, visibility: StudentVisibility) -> bytes:
    """Return those parts of a report's JSON document that students may see, as JSON."""
    return to_json(to_student_view(read_report(parse(document)), visibility).to_dict()).encode()


def _shows_report(service: Service, stored: StoredAssignment, report: StoredReport) -> bool:
    """True if students may see a report now: the assignment shows verdicts, and this one is answered."""
    if not stored.assignment.visibility.verdict:
        return False
    submission = service.repository.submissions.find(report.submission or "")
    return submission is None or submission.shown is None or submission.shown <= service.now()


def _without_report(service: Service, caller: Token, submission_id: str) -> ProblemError:
    """Return the error for an id of no report.

    A receipt points to the submission itself where judging was stopped, and must not tell it.
    """
    submission = service.repository.submissions.find(submission_id) if is_id(submission_id) else None
    is_owner = caller.role is Role.STUDENT and submission is not None and submission.student == caller.subject
    if not is_owner or submission is None or submission.assignment not in caller.assignments:
        return not_found("report")
    stored = service.repository.assignments.find(submission.assignment)
    hidden = stored is not None and not stored.assignment.visibility.verdict
    return _hidden() if hidden else not_found("report")


def _hidden() -> ProblemError:
    return ProblemError(HTTPStatus.FORBIDDEN, "the assignment shows no report to students")


def sign_report(service: Service, report: StoredReport, document: bytes) -> bytes:
    """Return a document of a report as a signed JSON Web Signature."""
    claims = {"report": report.id, "owner": report.owner, "created": report.created.isoformat()}
    origin = {"assignment": report.assignment, "submission": report.submission}
    return service.signer().sign(document, claims | {key: value for key, value in origin.items() if value})
