"""/v1/token and /v1/assignments/{id}/tokens: the caller's token, and those of an assignment's students."""

from http import HTTPStatus
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from api.dependencies import Caller, TheService
from api.http.bodies import declared_type, read_bounded
from api.http.openapi import reference
from api.http.problems import documented
from api.rendering import JSON
from api.schemas.classes import IssuedTokenDocument, StudentTokensDocument, TokenDocument
from api.services import student_tokens
from api.services.assignments import get_graded_assignment
from verifier.documents.json import to_json

router = APIRouter(tags=["tokens"])
_REQUEST = {
    "requestBody": {"required": True, "content": {JSON: {"schema": reference(StudentTokensDocument)}}}
}


@router.get(
    "/v1/token",
    operation_id="read_token",
    summary="Say whose token the request has, and what it is for",
    response_model=TokenDocument,
    responses=documented(401, 429),
)
def read(service: TheService, caller: Caller) -> dict[str, Any]:
    return student_tokens.token_document(service, caller)


@router.post(
    "/v1/assignments/{assignment_id}/tokens",
    operation_id="create_tokens",
    summary="Issue tokens to students: those that are named, or all of the roster without a valid one",
    status_code=HTTPStatus.CREATED,
    response_model=list[IssuedTokenDocument],
    responses=documented(400, 401, 403, 404, 413, 415, 422, 429),
    openapi_extra=_REQUEST,
)
async def create(assignment_id: str, request: Request, service: TheService, caller: Caller) -> Response:
    stored = await run_sync(get_graded_assignment, service, caller, assignment_id)
    declared_type(request, (JSON,))
    content = await read_bounded(request, student_tokens.LARGEST_REQUEST)
    rows = await run_sync(student_tokens.issue_student_tokens, service, caller, stored, content)
    headers = {"Cache-Control": "no-store"}
    return Response(to_json(rows), HTTPStatus.CREATED, headers, JSON)


@router.get(
    "/v1/assignments/{assignment_id}/tokens",
    operation_id="list_tokens",
    summary="List the students' tokens that open an assignment, without their secrets",
    response_model=list[TokenDocument],
    responses=documented(401, 403, 404, 429),
)
def list_tokens(assignment_id: str, service: TheService, caller: Caller) -> list[dict[str, Any]]:
    stored = get_graded_assignment(service, caller, assignment_id)
    return student_tokens.list_student_tokens(service, stored)


@router.delete(
    "/v1/assignments/{assignment_id}/tokens/{token_id}",
    operation_id="revoke_token",
    summary="Revoke a student's token: it opens nothing from now on",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(401, 403, 404, 409, 429),
)
def revoke(assignment_id: str, token_id: str, service: TheService, caller: Caller) -> None:
    stored = get_graded_assignment(service, caller, assignment_id)
    student_tokens.revoke_student_token(service, caller, stored, token_id)
