"""/v1/assignments/{id}/roster and …/student-data: the students of an assignment, and all data of one."""

from http import HTTPStatus
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.dependencies import Caller, TheService
from api.http.bodies import declared_type, read_bounded
from api.http.openapi import reference
from api.http.problems import documented
from api.rendering import JSON
from api.routes.classes import Counting
from api.schemas.classes import RosterDocument, RosterRow
from api.service import Service
from api.services import roster
from api.services.assignments import get_graded_assignment
from api.services.classes import Counts, standings_of
from api.services.submissions import STUDENT_NAME
from api.services.tokens import LONGEST_SUBJECT
from api.storage.records import StoredAssignment
from verifier.documents.json import to_json

router = APIRouter(tags=["roster"])
_ZIP = "application/zip"
Student = Annotated[
    str, Query(description="whose", min_length=1, max_length=LONGEST_SUBJECT, pattern=STUDENT_NAME)
]


@router.get(
    "/v1/assignments/{assignment_id}/roster",
    operation_id="read_roster",
    summary="List all students: those with a token, those a grader has named, those who handed in",
    response_model=list[RosterRow],
    responses=documented(401, 403, 404, 422, 429),
)
def read(
    assignment_id: str, service: TheService, caller: Caller, counts: Counting = Counts.LATEST
) -> Response:
    stored = get_graded_assignment(service, caller, assignment_id)
    return _roster(service, stored, counts)


@router.put(
    "/v1/assignments/{assignment_id}/roster",
    operation_id="replace_roster",
    summary="Name the students, with their ids in a learning management system",
    response_model=list[RosterRow],
    responses=documented(400, 401, 403, 404, 413, 415, 422, 429),
    openapi_extra={
        "requestBody": {"required": True, "content": {JSON: {"schema": reference(RosterDocument)}}}
    },
)
async def replace(assignment_id: str, request: Request, service: TheService, caller: Caller) -> Response:
    stored = await run_sync(get_graded_assignment, service, caller, assignment_id)
    declared_type(request, (JSON,))
    content = await read_bounded(request, roster.LARGEST_ROSTER)
    await run_sync(roster.replace_roster, service, caller, stored, content)
    return await run_sync(_roster, service, stored, Counts.LATEST)


@router.get(
    "/v1/assignments/{assignment_id}/student-data",
    operation_id="export_student",
    summary="Give all that is stored of a student: submissions and reports, as a zip",
    response_class=StreamingResponse,
    responses={
        200: {"content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}}, "description": "A zip"},
        **documented(401, 403, 404, 422, 429),
    },
)
def export(assignment_id: str, service: TheService, caller: Caller, student: Student) -> Response:
    stored = get_graded_assignment(service, caller, assignment_id)
    pieces = roster.export_student(service, caller, stored, student)
    headers = {"Content-Disposition": f'attachment; filename="student-{stored.id}.zip"'}
    return StreamingResponse(pieces, HTTPStatus.OK, headers, _ZIP)


@router.delete(
    "/v1/assignments/{assignment_id}/student-data",
    operation_id="delete_student",
    summary="Delete all that is stored of a student, and close the assignment to the student's tokens",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(401, 403, 404, 422, 429),
)
def delete(assignment_id: str, service: TheService, caller: Caller, student: Student) -> None:
    stored = get_graded_assignment(service, caller, assignment_id)
    roster.forget_student(service, caller, stored, student)


def _roster(service: Service, stored: StoredAssignment, counts: Counts) -> Response:
    rows = roster.roster_document(service, stored, standings_of(service, stored, counts))
    return Response(to_json(rows), media_type=JSON)  # checking thousands of rows takes a second
