"""Pages of a submission and of a stored report."""

from dataclasses import replace
from http import HTTPStatus

from anyio.to_thread import run_sync
from fastapi import Request, Response

from api.dependencies import TheService
from api.http.negotiation import attachment
from api.http.problems import ProblemError, RefusedError
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import Member
from api.service import Service
from api.services.access import can_grade
from api.services.assignments import get_assignment
from api.services.checks import judge
from api.services.reports import get_report, render_report, render_report_section
from api.services.submissions import get_submission, is_shown, submission_document, submission_task
from api.storage.records import Role, StoredAssignment, StoredSubmission, Token
from api.workers.protocol import RenderRequest

router = pages_router()

_HTML = "text/html"


@router.get("/assignments/{assignment_id}/submissions/{submission_id}", operation_id="submission_page")
async def submission(
    assignment_id: str, submission_id: str, request: Request, service: TheService, member: Member
) -> Response:
    stored = await run_sync(get_assignment, service, member, assignment_id)
    submission = await run_sync(get_submission, service, member, stored, submission_id)
    grader = can_grade(member, stored)
    section, note = "", ""
    if grader:
        section, note = await _full_report(service, member, stored, submission)
    elif stored.assignment.visibility.verdict and is_shown(submission, service.now()):
        section = await _stored_report(service, member, submission)
    return page(
        request,
        "submission.html.jinja",
        stored=stored,
        row=submission_document(stored, submission, member, service.now()),
        grader=grader,
        section=section,
        note=note,
    )


@router.get("/reports/{report_id}", operation_id="report_page")
async def report(report_id: str, request: Request, service: TheService, member: Member) -> Response:
    report, document = await run_sync(get_report, service, member, report_id)
    section = await render_report_section(service, document)
    whole = member.role is not Role.STUDENT
    return page(request, "report.html.jinja", report=report, section=section, whole=whole)


@router.get("/reports/{report_id}/file", operation_id="report_file")
async def file(report_id: str, service: TheService, member: Member) -> Response:
    report, document = await run_sync(get_report, service, member, report_id)
    content = await render_report(service, document, _HTML)
    return attachment(content, f"report-{report.id}.html", _HTML)


async def _full_report(
    service: Service, member: Token, stored: StoredAssignment, submission: StoredSubmission
) -> tuple[str, str]:
    """Judge a submission again and return its report with whole arrays, and a note on how it was judged.

    Stored reports have only the worst entries. If judging fails, the stored report is returned.
    """
    content = await run_sync(service.repository.submissions.content, submission.id)
    if not content:
        return "", ""  # it is being judged
    submission = replace(submission, content=content)
    task = await run_sync(submission_task, service, stored, submission)
    task = replace(task, render=RenderRequest(section=True, entries="all"), store=False)
    try:
        outcome = await judge(service, task)
    except RefusedError:
        section = await _stored_report(service, member, submission)
        return section, "By the present rules this cannot be judged."
    except ProblemError as error:
        if error.status is not HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise
        section = await _stored_report(service, member, submission)
        return section, f"This is the stored report, which has the worst entries alone: {error.detail}."
    result = submission.result
    if result is not None and result.revision != stored.revision:
        now, then = outcome.findings.verdict, result.verdict or "not judged"
        note = (
            f"What counts was judged by revision {result.revision} of the assignment, as {then}; below it is "
            f"judged by the present revision {stored.revision}, as {now}. Judge the class again to have that "
            "count."
        )
        return outcome.answer.decode(), note
    return outcome.answer.decode(), ""


async def _stored_report(service: Service, member: Token, submission: StoredSubmission) -> str:
    if submission.result is None or submission.result.report is None:
        return ""
    try:
        _, document = await run_sync(get_report, service, member, submission.result.report)
    except ProblemError:  # judged while the assignment showed no report to students
        return ""
    return await render_report_section(service, document)
