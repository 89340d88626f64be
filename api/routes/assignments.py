"""/v1/assignments: problems that graders keep and students answer."""

from http import HTTPStatus
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from api.dependencies import Caller, TheService
from api.http.bodies import declared_type, read_bounded
from api.http.openapi import reference
from api.http.problems import ProblemError, documented
from api.rendering import JSON
from api.schemas import AssignmentDocument, AssignmentRow, StoredAssignmentDocument
from api.service import Service, is_id, new_id
from api.services.access import grades, not_found, opens, require_role
from api.services.submissions import problem_for
from api.storage.records import Role, StoredAssignment, Token
from verifier.assignment import Assignment
from verifier.documents.assignment_reading import document_of_assignment, read_assignment
from verifier.documents.bounds import check_document
from verifier.documents.json_text import parse

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
async def create(request: Request, response: Response, service: TheService, caller: Caller) -> dict[str, Any]:
    require_role(caller, Role.GRADER)
    stored = await run_sync(keep, service, caller, await _sent(request, service))
    response.headers["Location"] = f"/v1/assignments/{stored.id}"
    return await run_sync(shown, service, stored, caller)


@router.get(
    "/v1/assignments",
    operation_id="list_assignments",
    summary="List the assignments that the token opens",
    response_model=list[AssignmentRow],
    responses=documented(401, 429),
)
def list_assignments(service: TheService, caller: Caller) -> list[dict[str, Any]]:
    return [{"id": stored.id, "title": stored.assignment.title} for stored in listed(service, caller)]


@router.get(
    "/v1/assignments/{assignment_id}",
    operation_id="read_assignment",
    summary="Give an assignment; to a student with the problem as that student has it",
    response_model=StoredAssignmentDocument,
    responses=documented(401, 403, 404, 429),
)
def read(assignment_id: str, service: TheService, caller: Caller) -> dict[str, Any]:
    return shown(service, opened(service, caller, assignment_id), caller)


@router.put(
    "/v1/assignments/{assignment_id}",
    operation_id="change_assignment",
    summary="Put other rules in an assignment's place; POST …/regrades judges what came before by them",
    response_model=StoredAssignmentDocument,
    responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 429),
    openapi_extra=_REQUEST,
)
async def change(assignment_id: str, request: Request, service: TheService, caller: Caller) -> dict[str, Any]:
    stored = await run_sync(graded, service, caller, assignment_id)
    assignment = await run_sync(read_content, service, await _sent(request, service))
    changed = await run_sync(service.repository.assignments.update, stored.id, assignment, stored.revision)
    if changed is None:
        raise ProblemError(HTTPStatus.CONFLICT, "somebody else changed the assignment meanwhile; try again")
    return await run_sync(shown, service, changed, caller)


def listed(service: Service, caller: Token) -> list[StoredAssignment]:
    """Give the assignments that a token opens, newest first."""
    return [stored for stored in service.repository.assignments.list() if opens(caller, stored)]


def opened(service: Service, caller: Token, assignment_id: str) -> StoredAssignment:
    """Give an assignment that the caller's token opens. Raises: ProblemError 404."""
    stored = service.repository.assignments.find(assignment_id) if is_id(assignment_id) else None
    if stored is None or not opens(caller, stored):
        raise not_found("assignment")
    return stored


def graded(service: Service, caller: Token, assignment_id: str) -> StoredAssignment:
    """Give an assignment that the caller grades. Raises: ProblemError 404, 403."""
    stored = opened(service, caller, assignment_id)
    if not grades(caller, stored):
        require_role(caller, Role.GRADER)
    return stored


async def _sent(request: Request, service: Service) -> bytes:
    declared_type(request, (JSON,))
    return await read_bounded(request, service.settings.largest_body)


def read_content(service: Service, content: bytes) -> Assignment:
    """Read an assignment's JSON. Raises: MalformedSubmission with everything that is wrong."""
    bounds = service.settings.bounds
    document = parse(content, bounds)
    check_document(document.get("problem") if isinstance(document, dict) else None, bounds)
    return read_assignment(document)


def keep(service: Service, caller: Token, content: bytes) -> StoredAssignment:
    """Read and keep a grader's new assignment. Raises: MalformedSubmission."""
    assignment = read_content(service, content)
    stored = StoredAssignment(new_id(), caller.subject, assignment, 1, service.now())
    service.repository.assignments.add(stored)
    return stored


def shown(service: Service, stored: StoredAssignment, caller: Token) -> dict[str, Any]:
    """Give an assignment's document as a caller may see it. Raises: ProblemError 403 before it opens."""
    document = document_of_assignment(stored.assignment)
    own = {"id": stored.id, "revision": stored.revision, "created": stored.created.isoformat()}
    if grades(caller, stored):
        return {**own, "owner": stored.owner, **document}
    moment, opening = service.now(), stored.assignment.opens
    if opening is not None and moment < opening:
        raise ProblemError(HTTPStatus.FORBIDDEN, f"the assignment opens at {opening.isoformat()}")
    document["problem"] = problem_for(service, stored, caller.subject)
    if stored.assignment.attempts is not None and caller.role is Role.STUDENT:
        made = service.repository.submissions.count(stored.id, caller.subject)
        document["attempts_left"] = max(0, stored.assignment.attempts - made)
    return {**own, **document}
