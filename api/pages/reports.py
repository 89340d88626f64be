"""One submission: a student's own as the assignment shows it, a grader's with all its figures."""

from dataclasses import replace
from http import HTTPStatus

from anyio.to_thread import run_sync
from fastapi import Request, Response

from api.dependencies import TheService
from api.http.problems import ProblemError, RefusedError
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import Member
from api.rendering import render_stored_section
from api.routes.assignments import opened
from api.routes.reports import readable
from api.routes.submissions import opened_submission, row
from api.service import Service
from api.services.access import grades
from api.services.checks import judge
from api.services.submissions import task_for
from api.storage.records import StoredAssignment, StoredSubmission, Token
from api.workers.protocol import RenderRequest

router = pages_router()


@router.get("/assignments/{assignment_id}/submissions/{submission_id}", operation_id="submission_page")
async def submission(
    assignment_id: str, submission_id: str, request: Request, service: TheService, member: Member
) -> Response:
    stored = await run_sync(opened, service, member, assignment_id)
    found = await run_sync(opened_submission, service, member, stored, submission_id)
    grader = grades(member, stored)
    section, note = "", ""
    if grader:
        section, note = await _with_figures(service, member, stored, found)
    elif stored.assignment.allowed.verdict:
        section = await run_sync(_stored, service, member, found)
    return page(
        request,
        "submission.html.jinja",
        stored=stored,
        row=row(stored, found, member),
        grader=grader,
        section=section,
        note=note,
    )


async def _with_figures(
    service: Service, member: Token, stored: StoredAssignment, found: StoredSubmission
) -> tuple[str, str]:
    """Judge what was handed in again, as what is stored of a report has its worst entries alone.

    Gives the report, and what there is to say of it: where it follows other rules than the one that counts.
    """
    task = await run_sync(task_for, service, stored, found)
    task = replace(task, render=RenderRequest(section=True, entries="all"), store=False, allowed=None)
    try:
        outcome = await judge(service, task)
    except RefusedError:
        return await run_sync(_stored, service, member, found), "By the present rules this cannot be judged."
    except ProblemError as error:
        if error.status is not HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise
        section = await run_sync(_stored, service, member, found)
        return section, f"This is the stored report, which has the worst entries alone: {error.detail}."
    result = found.result
    if result is not None and result.revision != stored.revision:
        now, then = outcome.findings.verdict, result.verdict or "not judged"
        note = (
            f"What counts was judged by revision {result.revision} of the assignment, as {then}; below it is "
            f"judged by the present revision {stored.revision}, as {now}. Judge the class again to have that "
            "count."
        )
        return outcome.answer.decode(), note
    return outcome.answer.decode(), ""


def _stored(service: Service, member: Token, found: StoredSubmission) -> str:
    if found.result is None or found.result.report is None:
        return ""
    try:
        _, document = readable(service, member, found.result.report)
    except ProblemError:  # judged while the assignment showed its students nothing
        return ""
    return render_stored_section(document)
