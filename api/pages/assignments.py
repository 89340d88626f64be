"""Pages of assignments: the list, the form for a new one, and the form for a student's submission."""

from http import HTTPStatus

from anyio.to_thread import run_sync
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from api.dependencies import TheService
from api.http.bodies import Body
from api.http.negotiation import attachment
from api.http.problems import ProblemError, RefusedError
from api.pages.classes import class_page
from api.pages.forms import EMPTY, FormErrors, form_errors, read_form
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import SAME_ORIGIN, Member
from api.rendering import JSON
from api.service import Service
from api.services import submissions
from api.services.access import can_grade, require_role
from api.services.assignments import (
    assignment_document,
    check_opened,
    create_assignment,
    get_assignment,
    list_assignments,
    problem_for,
)
from api.services.classes import Counts
from api.storage.records import Role, StoredAssignment, Token

router = pages_router()


@router.get("/assignments", operation_id="assignments_page")
def assignments(request: Request, service: TheService, member: Member) -> Response:
    return _list_page(request, service, member)


@router.post("/assignments", operation_id="create_assignment_page", dependencies=[SAME_ORIGIN])
async def create(request: Request, service: TheService, member: Member) -> Response:
    require_role(member, Role.GRADER)
    form = await read_form(request, service.settings.largest_body)
    try:
        stored = await create_assignment(service, member, form.document().content)
    except (RefusedError, ProblemError) as error:
        return await run_sync(_list_page, request, service, member, form_errors(form, error))
    return RedirectResponse(f"/assignments/{stored.id}", HTTPStatus.SEE_OTHER)


@router.get("/assignments/{assignment_id}", operation_id="assignment_page")
def assignment(
    assignment_id: str,
    request: Request,
    service: TheService,
    member: Member,
    counts: Counts = Counts.LATEST,
    sort: str = "student",
    down: bool = False,
) -> Response:
    """Show the class to a grader, and the assignment to anybody else."""
    stored = get_assignment(service, member, assignment_id)
    if can_grade(member, stored):
        return class_page(request, service, stored, counts, sort, down)
    return _submit_page(request, service, member, stored)


@router.get("/assignments/{assignment_id}/problem.json", operation_id="problem_file")
async def problem(assignment_id: str, service: TheService, member: Member) -> Response:
    """Return the member's problem as a file, for the command line and for notebooks."""
    stored = await run_sync(get_assignment, service, member, assignment_id)
    check_opened(service, stored, member)
    return attachment(await problem_for(service, stored, member), f"problem-{stored.id}.json", JSON)


@router.post(
    "/assignments/{assignment_id}/submissions", operation_id="submit_page", dependencies=[SAME_ORIGIN]
)
async def submit(assignment_id: str, request: Request, service: TheService, member: Member) -> Response:
    stored = await run_sync(get_assignment, service, member, assignment_id)
    form = await read_form(request, service.settings.largest_body)
    try:
        name = form.field("student").strip() or None
        student = submissions.resolve_student(member, stored, name)
        body = Body(form.document().content, None)
        receipt = await submissions.submit(service, member, stored, student, body)
    except (RefusedError, ProblemError) as error:
        errors = form_errors(form, error)
        return await run_sync(_submit_again_page, request, service, member, stored, errors)
    location = f"/assignments/{stored.id}/submissions/{receipt.submission.id}"
    return RedirectResponse(location, HTTPStatus.SEE_OTHER)


def _submit_again_page(
    request: Request, service: Service, member: Token, stored: StoredAssignment, form: FormErrors
) -> Response:
    if can_grade(member, stored):
        return class_page(request, service, stored, Counts.LATEST, "student", False, form)
    return _submit_page(request, service, member, stored, form)


def _list_page(request: Request, service: Service, member: Token, form: FormErrors = EMPTY) -> Response:
    return page(
        request,
        "assignments.html.jinja",
        form.status,
        assignments=list_assignments(service, member),
        now=service.now(),
        form=form,
        creates=member.role is Role.GRADER,
    )


def _submit_page(
    request: Request, service: Service, member: Token, stored: StoredAssignment, form: FormErrors = EMPTY
) -> Response:
    document = assignment_document(service, stored, member)
    student = member.role is Role.STUDENT
    return page(
        request,
        "submit.html.jinja",
        form.status,
        stored=stored,
        left=document.get("attempts_left"),
        open=stored.assignment.open_at(service.now()),
        shapes=stored.problem.shapes.items(),
        attempts=submissions.list_submissions(service, stored, member)[::-1] if student else (),
        submits=student,
        form=form,
    )
