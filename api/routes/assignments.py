"""/v1/assignments: problems that graders create and students answer."""

from http import HTTPStatus
from typing import Annotated, Any

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel

from api.dependencies import Caller, TheService
from api.http.bodies import declared_type, read_bounded
from api.http.openapi import reference
from api.http.problems import documented
from api.rendering import JSON
from api.schemas.classes import (
    AssignmentChanges,
    AssignmentDocument,
    AssignmentReplacement,
    AssignmentRow,
    StoredAssignmentDocument,
)
from api.service import Service
from api.services import assignments
from api.services.access import can_grade, require_role
from api.storage.records import Role, StoredAssignment, Token, state_at
from verifier.documents.json import encode

router = APIRouter(tags=["assignments"])

_PATCH = "application/merge-patch+json"  # RFC 7396
_PATCH_TYPES = (JSON, _PATCH)
Key = Annotated[str | None, Header(description="a repeated request with the same key creates one assignment")]


def _body(model: type[BaseModel], types: tuple[str, ...] = (JSON,), required: bool = True) -> dict[str, Any]:
    """Return a route's entry on its body in the OpenAPI document."""
    content = {media_type: {"schema": reference(model)} for media_type in types}
    return {"requestBody": {"required": required, "content": content}}


@router.post(
    "/v1/assignments",
    operation_id="create_assignment",
    summary="Keep a problem, its tolerance, what students may see, how often and when they may submit",
    status_code=HTTPStatus.CREATED,
    response_model=StoredAssignmentDocument,
    responses=documented(400, 401, 403, 409, 413, 415, 422, 429),
    openapi_extra=_body(AssignmentDocument),
)
async def create(
    request: Request, service: TheService, caller: Caller, idempotency_key: Key = None
) -> Response:
    require_role(caller, Role.GRADER)
    content = await _read_json(request, service)
    stored = await assignments.create_assignment(service, caller, content, idempotency_key)
    notice = assignments.notice_of_open_checks(service)
    return await _created(service, stored, caller, notice)


@router.get(
    "/v1/assignments",
    operation_id="list_assignments",
    summary="List the assignments that the token opens; to students those that have opened",
    response_model=list[AssignmentRow],
    responses=documented(401, 429),
)
def list_assignments(service: TheService, caller: Caller) -> list[dict[str, Any]]:
    moment = service.now()
    return [
        {
            "id": row.id,
            "title": row.title,
            "state": state_at(row, moment),
            "opens": None if row.opens is None else row.opens.isoformat(),
            "closes": None if row.closes is None else row.closes.isoformat(),
            "attempts": row.attempts,
        }
        for row in assignments.list_assignments(service, caller)
    ]


@router.get(
    "/v1/assignments/{assignment_id}",
    operation_id="read_assignment",
    summary="Give an assignment; to a student with the problem as that student has it",
    response_model=StoredAssignmentDocument,
    responses=documented(401, 403, 404, 429),
)
async def read(assignment_id: str, service: TheService, caller: Caller) -> Response:
    stored = await run_sync(assignments.get_assignment, service, caller, assignment_id)
    return Response(await render_assignment(service, stored, caller), media_type=JSON)


@router.put(
    "/v1/assignments/{assignment_id}",
    operation_id="change_assignment",
    summary="Put other rules in an assignment's place; POST …/regrades judges what came before by them",
    response_model=StoredAssignmentDocument,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 429),
    openapi_extra=_body(AssignmentReplacement),
)
async def change(assignment_id: str, request: Request, service: TheService, caller: Caller) -> Response:
    stored = await run_sync(assignments.get_graded_assignment, service, caller, assignment_id)
    content = await _read_json(request, service)
    changed = await assignments.change_assignment(service, caller, stored, content)
    return Response(await render_assignment(service, changed, caller), media_type=JSON)


@router.patch(
    "/v1/assignments/{assignment_id}",
    operation_id="edit_assignment",
    summary="Change the named fields of an assignment, by a JSON merge patch; null is the default",
    response_model=StoredAssignmentDocument,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 429),
    openapi_extra=_body(AssignmentChanges, _PATCH_TYPES),
)
async def edit(assignment_id: str, request: Request, service: TheService, caller: Caller) -> Response:
    stored = await run_sync(assignments.get_graded_assignment, service, caller, assignment_id)
    content = await _read_json(request, service, _PATCH_TYPES)
    changed = await assignments.change_assignment(service, caller, stored, content, merge=True)
    return Response(await render_assignment(service, changed, caller), media_type=JSON)


@router.delete(
    "/v1/assignments/{assignment_id}",
    operation_id="delete_assignment",
    summary="Delete an assignment, its roster, and on demand what students handed in",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(401, 403, 404, 409, 422, 429),
)
def delete(
    assignment_id: str,
    service: TheService,
    caller: Caller,
    with_submissions: Annotated[
        bool, Query(description="without it, 409 if students have handed in")
    ] = False,
) -> None:
    stored = assignments.get_graded_assignment(service, caller, assignment_id)
    assignments.delete_assignment(service, caller, stored, with_submissions)


@router.post(
    "/v1/assignments/{assignment_id}/close",
    operation_id="close_assignment",
    summary="End the submission period now, unless it is over",
    response_model=StoredAssignmentDocument,
    responses=documented(401, 403, 404, 409, 429),
)
async def close(assignment_id: str, service: TheService, caller: Caller) -> Response:
    stored = await run_sync(assignments.get_graded_assignment, service, caller, assignment_id)
    closed = await run_sync(assignments.close_assignment, service, caller, stored)
    return Response(await render_assignment(service, closed, caller), media_type=JSON)


@router.post(
    "/v1/assignments/{assignment_id}/reopen",
    operation_id="reopen_assignment",
    summary="Take submissions again, without an end; PATCH closes sets one",
    response_model=StoredAssignmentDocument,
    responses=documented(401, 403, 404, 409, 429),
)
async def reopen(assignment_id: str, service: TheService, caller: Caller) -> Response:
    stored = await run_sync(assignments.get_graded_assignment, service, caller, assignment_id)
    opened = await run_sync(assignments.reopen_assignment, service, caller, stored)
    return Response(await render_assignment(service, opened, caller), media_type=JSON)


@router.post(
    "/v1/assignments/{assignment_id}/copy",
    operation_id="copy_assignment",
    summary="Copy an assignment without its period and students; the body may change fields as PATCH does",
    status_code=HTTPStatus.CREATED,
    response_model=StoredAssignmentDocument,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 429),
    openapi_extra=_body(AssignmentChanges, _PATCH_TYPES, required=False),
)
async def copy(
    assignment_id: str, request: Request, service: TheService, caller: Caller, idempotency_key: Key = None
) -> Response:
    stored = await run_sync(assignments.get_graded_assignment, service, caller, assignment_id)
    content = await _read_json(request, service, _PATCH_TYPES)
    copied = await assignments.copy_assignment(service, caller, stored, content, idempotency_key)
    return await _created(service, copied, caller, assignments.notice_of_open_checks(service))


async def _created(service: Service, stored: StoredAssignment, caller: Token, notice: str | None) -> Response:
    body = await render_assignment(service, stored, caller, notice)
    return Response(body, HTTPStatus.CREATED, {"Location": f"/v1/assignments/{stored.id}"}, JSON)


async def render_assignment(
    service: Service, stored: StoredAssignment, caller: Token, notice: str | None = None
) -> bytes:
    """Return an assignment as `StoredAssignmentDocument`, as the caller may see it."""
    document = await run_sync(assignments.assignment_document, service, stored, caller)
    problem = await assignments.problem_for(service, stored, caller)
    warnings = list(stored.assignment.warnings) if can_grade(caller, stored) else []
    document |= {"notice": notice, "warnings": warnings or None, "problem": orjson.Fragment(problem)}
    return encode({name: document.get(name) for name in StoredAssignmentDocument.model_fields})


async def _read_json(request: Request, service: Service, types: tuple[str, ...] = (JSON,)) -> bytes:
    declared_type(request, types)
    return await read_bounded(request, service.settings.largest_body)
