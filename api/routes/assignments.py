"""/v1/assignments: problems that graders create and students answer."""

from http import HTTPStatus
from typing import Any

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from api.dependencies import Caller, TheService
from api.http.bodies import declared_type, read_bounded
from api.http.openapi import reference
from api.http.problems import documented
from api.rendering import JSON
from api.schemas import AssignmentDocument, AssignmentRow, StoredAssignmentDocument
from api.service import Service
from api.services import assignments
from api.services.access import can_grade, require_role
from api.storage.records import Role, StoredAssignment, Token
from verifier.documents.json import encode

router = APIRouter(tags=["assignments"])

_REQUEST = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": reference(AssignmentDocument)}},
    }
}


@router.post(
    "/v1/assignments",
    operation_id="create_assignment",
    summary="Keep a problem, its tolerance, what students may see, how often and when they may submit",
    status_code=HTTPStatus.CREATED,
    response_model=StoredAssignmentDocument,
    responses=documented(400, 401, 403, 413, 415, 422, 429),
    openapi_extra=_REQUEST,
)
async def create(request: Request, service: TheService, caller: Caller) -> Response:
    require_role(caller, Role.GRADER)
    content = await _read_json(request, service)
    stored = await assignments.create_assignment(service, caller, content)
    notice = assignments.notice_of_open_checks(service)
    body = await render_assignment(service, stored, caller, notice)
    return Response(body, HTTPStatus.CREATED, {"Location": f"/v1/assignments/{stored.id}"}, JSON)


@router.get(
    "/v1/assignments",
    operation_id="list_assignments",
    summary="List the assignments that the token opens; to students those that have opened",
    response_model=list[AssignmentRow],
    responses=documented(401, 429),
)
def list_assignments(service: TheService, caller: Caller) -> list[dict[str, Any]]:
    opened = assignments.list_assignments(service, caller)
    return [{"id": stored.id, "title": stored.title} for stored in opened]


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
    openapi_extra=_REQUEST,
)
async def change(assignment_id: str, request: Request, service: TheService, caller: Caller) -> Response:
    stored = await run_sync(assignments.get_graded_assignment, service, caller, assignment_id)
    content = await _read_json(request, service)
    changed = await assignments.change_assignment(service, stored, content)
    return Response(await render_assignment(service, changed, caller), media_type=JSON)


async def render_assignment(
    service: Service, stored: StoredAssignment, caller: Token, notice: str | None = None
) -> bytes:
    """Return an assignment as `StoredAssignmentDocument`, as the caller may see it."""
    document = await run_sync(assignments.assignment_document, service, stored, caller)
    problem = await assignments.problem_for(service, stored, caller)
    warnings = list(stored.assignment.warnings) if can_grade(caller, stored) else []
    document |= {"notice": notice, "warnings": warnings or None, "problem": orjson.Fragment(problem)}
    return encode({name: document.get(name) for name in StoredAssignmentDocument.model_fields})


async def _read_json(request: Request, service: Service) -> bytes:
    declared_type(request, (JSON,))
    return await read_bounded(request, service.settings.largest_body)
