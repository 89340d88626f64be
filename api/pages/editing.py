"""Pages to create, change, close, copy and delete an assignment."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from api.dependencies import TheService
from api.http.problems import ProblemError, RefusedError
from api.pages.forms import (
    EMPTY,
    FormErrors,
    KeptDocument,
    SubmittedForm,
    form_errors,
    keep_document,
    read_form,
)
from api.pages.page_route import is_part, pages_router
from api.pages.templating import page
from api.pages.visitors import SAME_ORIGIN, Member
from api.service import Service
from api.services import assignments
from api.services.access import require_role
from api.services.assignments import get_graded_assignment
from api.services.submissions import full_worth
from api.storage.records import Role, StoredAssignment
from verifier.documents.assignment import SEEN, rules_to_document, without_answer
from verifier.documents.json import to_json
from verifier.examples.named import list_examples, load_example
from verifier.report.assignment import DEFAULT, Assignment
from verifier.report.points import split_points

router = pages_router()

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "verdict": "the verdict on the whole submission",
        "parameters": "the verdict on each parameter",
        "layer": "the layer of a mistake",
        "bug": "the name of a mistake",
        "hint": "a hint",
    }
)
_NO_PREVIEW: Mapping[str, Any] = MappingProxyType({"assignment": None})
_LOCAL_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")  # of a browser's field, without an offset
_NUMBER = re.compile(r"\d+(\.\d+)?")


@router.get("/assignments/new", operation_id="new_assignment_page")
def new(request: Request, service: TheService, member: Member, example: str = "") -> Response:
    require_role(member, Role.GRADER)
    form = FormErrors(values=_values(None))
    if example in list_examples():
        problem = to_json(without_answer(load_example(example)), indent=1)
        form = replace(form, kept=KeptDocument(problem))
    return _form_page(request, None, form)


@router.post("/assignments", operation_id="create_assignment_page", dependencies=[SAME_ORIGIN])
async def create(request: Request, service: TheService, member: Member) -> Response:
    require_role(member, Role.GRADER)
    form = await read_form(request, service.settings.largest_body)
    try:
        assignment = await assignments.read_assignment_form(service, form.document().content, _rules(form))
        if form.field("preview"):
            return await _preview(request, service, form, assignment, None)
    except (RefusedError, ProblemError) as error:
        return _again(request, form, error, None)
    stored = await run_sync(assignments.add_assignment, service, member, assignment)
    return RedirectResponse(f"/assignments/{stored.id}", HTTPStatus.SEE_OTHER)


@router.get("/assignments/{assignment_id}/edit", operation_id="edit_assignment_page")
def edit(assignment_id: str, request: Request, service: TheService, member: Member) -> Response:
    stored = get_graded_assignment(service, member, assignment_id)
    return _form_page(request, stored, FormErrors(values=_values(stored.assignment)))


@router.post(
    "/assignments/{assignment_id}/edit", operation_id="change_assignment_page", dependencies=[SAME_ORIGIN]
)
async def change(assignment_id: str, request: Request, service: TheService, member: Member) -> Response:
    stored = await run_sync(get_graded_assignment, service, member, assignment_id)
    form = await read_form(request, service.settings.largest_body)
    try:
        content = form.document().content if form.has_document else stored.problem.json
        assignment = await assignments.read_assignment_form(service, content, _rules(form, whole=True))
        if form.field("preview"):
            return await _preview(request, service, form, assignment, stored)
        await run_sync(assignments.replace_assignment, service, member, stored, assignment)
    except (RefusedError, ProblemError) as error:
        return _again(request, form, error, stored)
    return RedirectResponse(f"/assignments/{stored.id}", HTTPStatus.SEE_OTHER)


@router.post(
    "/assignments/{assignment_id}/close", operation_id="close_assignment_page", dependencies=[SAME_ORIGIN]
)
def close(assignment_id: str, service: TheService, member: Member) -> Response:
    stored = get_graded_assignment(service, member, assignment_id)
    assignments.close_assignment(service, member, stored)
    return RedirectResponse(f"/assignments/{stored.id}", HTTPStatus.SEE_OTHER)


@router.post(
    "/assignments/{assignment_id}/reopen", operation_id="reopen_assignment_page", dependencies=[SAME_ORIGIN]
)
def reopen(assignment_id: str, service: TheService, member: Member) -> Response:
    stored = get_graded_assignment(service, member, assignment_id)
    assignments.reopen_assignment(service, member, stored)
    return RedirectResponse(f"/assignments/{stored.id}", HTTPStatus.SEE_OTHER)


@router.post(
    "/assignments/{assignment_id}/copy", operation_id="copy_assignment_page", dependencies=[SAME_ORIGIN]
)
async def copy(assignment_id: str, service: TheService, member: Member) -> Response:
    stored = await run_sync(get_graded_assignment, service, member, assignment_id)
    copied = await assignments.copy_assignment(service, member, stored, b"")
    return RedirectResponse(f"/assignments/{copied.id}/edit", HTTPStatus.SEE_OTHER)


@router.post(
    "/assignments/{assignment_id}/delete", operation_id="delete_assignment_page", dependencies=[SAME_ORIGIN]
)
async def delete(assignment_id: str, request: Request, service: TheService, member: Member) -> Response:
    stored = await run_sync(get_graded_assignment, service, member, assignment_id)
    form = await read_form(request, service.settings.largest_body)
    with_submissions = bool(form.field("with_submissions"))
    await run_sync(assignments.delete_assignment, service, member, stored, with_submissions)
    return RedirectResponse("/assignments", HTTPStatus.SEE_OTHER)


def _rules(form: SubmittedForm, whole: bool = False) -> dict[str, Any]:
    """Return the rules that were filled in. whole: also those that are as by default."""
    rules: dict[str, Any] = {}
    if title := form.field("title").strip():
        rules["title"] = title
    if points := form.field("points").strip():
        rules["points"] = _read_points(points)
    if attempts := form.field("attempts").strip():
        rules["attempts"] = int(attempts) if attempts.isdecimal() else attempts
    for name in ("opens", "closes"):
        if moment := form.field(name).strip():
            rules[name] = f"{moment}Z" if _LOCAL_MOMENT.fullmatch(moment) else moment
    seen = [name for name in SEEN if form.field(f"see_{name}")]
    if whole or seen != [name for name in SEEN if getattr(DEFAULT, name)]:
        rules["students_see"] = seen
    if form.field("per_student"):
        rules["instances"] = "per_student"
    return rules


def _read_points(text: str) -> Any:
    """Return points as a document has them: `10`, or `a=2, b=1` for parameters."""
    parts = split_points(text)
    if isinstance(parts, str):
        return _number(parts)
    return {name: _number(value) for name, value in parts.items()}


def _number(text: str) -> float | str:
    """Return a number; a text that is none is left to the reader of documents, which tells the mistake."""
    text = text.strip()
    return float(text) if _NUMBER.fullmatch(text) else text


def _values(assignment: Assignment | None) -> dict[str, str]:
    """Return the fields of the form for an assignment, or for a new one."""
    visibility = DEFAULT if assignment is None else assignment.visibility
    values = {f"see_{name}": "yes" for name in SEEN if getattr(visibility, name)}
    if assignment is None:
        return values
    points = assignment.points
    by_name = ", ".join(f"{name}={value:g}" for name, value in points.by_name.items())
    values |= {
        "title": assignment.title,
        "points": by_name or ("" if points.total is None else f"{points.total:g}"),
        "attempts": "" if assignment.attempts is None else str(assignment.attempts),
        "opens": _local(assignment.opens),
        "closes": _local(assignment.closes),
        "per_student": "yes" if assignment.per_student else "",
    }
    return values


def _local(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def _again(
    request: Request,
    form: SubmittedForm,
    error: RefusedError | ProblemError,
    stored: StoredAssignment | None,
) -> Response:
    errors = form_errors(form, error)
    if is_part(request):
        return page(request, "preview.html.jinja", errors.status, form=errors, **_NO_PREVIEW)
    return _form_page(request, stored, errors)


async def _preview(
    request: Request,
    service: Service,
    form: SubmittedForm,
    assignment: Assignment,
    stored: StoredAssignment | None,
) -> Response:
    """Show what students will see, below the form."""
    starter = await assignments.preview_starter(service, assignment)
    shown: dict[str, Any] = {
        "assignment": assignment,
        "rules": assignment,
        "words": starter.words,
        "worth": full_worth(assignment),
        "left": None,
        "sees": [_WORDS[name] for name in rules_to_document(assignment)["students_see"]],
        "shapes": starter.shapes.items(),
    }
    if is_part(request):
        return page(request, "preview.html.jinja", form=EMPTY, **shown)
    errors = FormErrors(kept=keep_document(form), values=form.fields)
    return _form_page(request, stored, errors, shown)


def _form_page(
    request: Request,
    stored: StoredAssignment | None,
    form: FormErrors,
    preview: Mapping[str, Any] = _NO_PREVIEW,
) -> Response:
    return page(
        request,
        "edit.html.jinja",
        form.status,
        **preview,
        form=form,
        stored=stored,
        seen=_WORDS,
        examples=list_examples(),
    )
