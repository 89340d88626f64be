"""Pages of assignments: the list, and for students the task, its files, and the form of a submission."""

from collections.abc import Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any

import numpy as np
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
from api.services.access import can_grade
from api.services.assignments import (
    assignment_document,
    check_opened,
    get_assignment,
    list_assignments,
    problem_file,
    problem_for,
    starter_files,
)
from api.services.classes import Counts
from api.storage.records import Role, StoredAssignment, Token
from verifier.documents.starter import Starter

router = pages_router()


@router.get("/assignments", operation_id="assignments_page")
def assignments(request: Request, service: TheService, member: Member) -> Response:
    return page(
        request,
        "assignments.html.jinja",
        assignments=list_assignments(service, member),
        now=service.now(),
        creates=member.role is Role.GRADER,
    )


@router.get("/assignments/{assignment_id}", operation_id="assignment_page")
async def assignment(
    assignment_id: str,
    request: Request,
    service: TheService,
    member: Member,
    counts: Counts = Counts.LATEST,
    sort: str = "student",
    down: bool = False,
) -> Response:
    """Show the class to a grader, and the assignment to anybody else."""
    stored = await run_sync(get_assignment, service, member, assignment_id)
    if can_grade(member, stored):
        return await run_sync(class_page, request, service, stored, counts, sort, down)
    return await _submit_page(request, service, member, stored)


@router.get("/assignments/{assignment_id}/problem.json", operation_id="problem_file")
async def problem(assignment_id: str, service: TheService, member: Member) -> Response:
    """Return the member's problem as a file, for the command line and for notebooks."""
    stored = await run_sync(get_assignment, service, member, assignment_id)
    check_opened(service, stored, member)
    return attachment(await problem_for(service, stored, member), problem_file(stored), JSON)


@router.get("/assignments/{assignment_id}/starter.py", operation_id="starter_file")
async def starter(assignment_id: str, service: TheService, member: Member) -> Response:
    """Return a Python file to start from: it reads the problem and writes the gradients."""
    files = await _starter(service, member, assignment_id)
    return attachment(files.code.encode(), f"homework-{assignment_id}.py", "text/x-python")


@router.get("/assignments/{assignment_id}/starter.ipynb", operation_id="starter_notebook")
async def notebook(assignment_id: str, service: TheService, member: Member) -> Response:
    """Return the same as a notebook."""
    files = await _starter(service, member, assignment_id)
    return attachment(files.notebook.encode(), f"homework-{assignment_id}.ipynb", "application/x-ipynb+json")


@router.get("/assignments/{assignment_id}/sample.npz", operation_id="sample_file")
async def sample(assignment_id: str, service: TheService, member: Member) -> Response:
    """Return a file of zeros with the names and shapes of an answer."""
    shapes = (await _starter(service, member, assignment_id)).shapes
    arrays = {name: np.zeros(shape) for name, shape in shapes.items()}
    stream = BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return attachment(stream.getvalue(), f"sample-{assignment_id}.npz", "application/x-npz")


async def _starter(service: Service, member: Token, assignment_id: str) -> Starter:
    """Return what students start from, once the assignment is open."""
    stored = await run_sync(get_assignment, service, member, assignment_id)
    check_opened(service, stored, member)
    return await starter_files(service, stored)


@router.get("/assignments/{assignment_id}/submissions", operation_id="submissions_page")
def form_of_submission(assignment_id: str, member: Member) -> Response:
    """Lead to the form, for whoever loads the answer to a form again."""
    return RedirectResponse(f"/assignments/{assignment_id}", HTTPStatus.SEE_OTHER)


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
        if can_grade(member, stored):
            return await run_sync(
                class_page, request, service, stored, Counts.LATEST, "student", False, errors
            )
        return await _submit_page(request, service, member, stored, errors)
    location = f"/assignments/{stored.id}/submissions/{receipt.submission.id}"
    return RedirectResponse(location, HTTPStatus.SEE_OTHER)


async def _submit_page(
    request: Request, service: Service, member: Token, stored: StoredAssignment, form: FormErrors = EMPTY
) -> Response:
    document = await run_sync(assignment_document, service, stored, member)
    starter = await starter_files(service, stored)
    return await run_sync(_render_submit_page, request, service, member, stored, form, document, starter)


def _render_submit_page(
    request: Request,
    service: Service,
    member: Token,
    stored: StoredAssignment,
    form: FormErrors,
    document: Mapping[str, Any],
    starter: Starter,
) -> Response:
    student = member.role is Role.STUDENT
    return page(
        request,
        "submit.html.jinja",
        form.status,
        stored=stored,
        rules=stored.assignment,
        worth=submissions.full_worth(stored.assignment),
        words=starter.words,
        left=document.get("attempts_left"),
        open=stored.assignment.open_at(service.now()),
        shapes=starter.shapes.items(),
        attempts=submissions.list_submissions(service, stored, member)[::-1] if student else (),
        submits=student,
        form=form,
    )
