"""Assignments: the list, a new one, and for a student one to answer."""

from http import HTTPStatus
from typing import Any

import numpy as np
from anyio.to_thread import run_sync
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from api.dependencies import TheService
from api.http.bodies import Body
from api.http.problems import ProblemError, RefusedError
from api.pages import class_pages
from api.pages.forms import read_form
from api.pages.page_route import pages_router
from api.pages.returned import FRESH, Returned, returned
from api.pages.templating import page
from api.pages.visitors import SENT_FROM_HERE, Member
from api.routes.assignments import keep as keep_assignment
from api.routes.assignments import listed, opened, shown
from api.routes.submissions import hand_in, rows, student_of
from api.service import Service
from api.services.access import grades, require_role
from api.services.classes import Counts
from api.storage.records import Role, StoredAssignment, Token
from verifier.documents.json_text import write
from verifier.documents.mistakes import MalformedSubmission

router = pages_router()


@router.get("/assignments", operation_id="assignments_page")
def assignments(request: Request, service: TheService, member: Member) -> Response:
    return _list(request, service, member)


@router.post("/assignments", operation_id="create_assignment_page", dependencies=[SENT_FROM_HERE])
async def create(request: Request, service: TheService, member: Member) -> Response:
    require_role(member, Role.GRADER)
    form = await read_form(request, service.settings.largest_body)
    try:
        stored = await run_sync(keep_assignment, service, member, form.document().content)
    except (MalformedSubmission, ProblemError) as error:
        return await run_sync(_list, request, service, member, returned(form, error))
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
    """Show a grader the class, and anybody else what is to be answered."""
    stored = opened(service, member, assignment_id)
    if grades(member, stored):
        return class_pages.overview_page(request, service, stored, counts, sort, down)
    return _to_answer(request, service, member, stored)


@router.get("/assignments/{assignment_id}/problem.json", operation_id="problem_file")
def problem(assignment_id: str, service: TheService, member: Member) -> Response:
    """Give the problem as its student has it, for `gradjury` and for notebooks."""
    stored = opened(service, member, assignment_id)
    document = shown(service, stored, member)["problem"]
    headers = {"Content-Disposition": f'attachment; filename="problem-{stored.id}.json"'}
    return Response(write(document, indent=1), HTTPStatus.OK, headers, "application/json")


@router.post(
    "/assignments/{assignment_id}/submissions", operation_id="submit_page", dependencies=[SENT_FROM_HERE]
)
async def submit(assignment_id: str, request: Request, service: TheService, member: Member) -> Response:
    stored = await run_sync(opened, service, member, assignment_id)
    form = await read_form(request, service.settings.largest_body)
    try:
        whose = student_of(member, stored, form.field("student").strip() or None)
        kept = await hand_in(service, member, stored, whose, Body(form.document().content, None))
    except (RefusedError, ProblemError) as error:
        return await run_sync(_again, request, service, member, stored, returned(form, error))
    where = f"/assignments/{stored.id}/submissions/{kept.submission.id}"
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)


def _again(
    request: Request, service: Service, member: Token, stored: StoredAssignment, form: Returned
) -> Response:
    if grades(member, stored):
        return class_pages.overview_page(request, service, stored, Counts.LATEST, "student", False, form)
    return _to_answer(request, service, member, stored, form)


def _list(request: Request, service: Service, member: Token, form: Returned = FRESH) -> Response:
    return page(
        request,
        "assignments.html.jinja",
        form.status,
        assignments=listed(service, member),
        now=service.now(),
        form=form,
        creates=member.role is Role.GRADER,
    )


def _to_answer(
    request: Request, service: Service, member: Token, stored: StoredAssignment, form: Returned = FRESH
) -> Response:
    document = shown(service, stored, member)
    student = member.role is Role.STUDENT
    return page(
        request,
        "to_answer.html.jinja",
        form.status,
        stored=stored,
        left=document.get("attempts_left"),
        open=stored.assignment.open_at(service.now()),
        shapes=_shapes(document["problem"]),
        attempts=rows(service, stored, member)[::-1] if student else (),
        submits=student,
        form=form,
    )


def _shapes(problem: dict[str, Any]) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, np.shape(value)) for name, value in problem["parameters"].items()]
