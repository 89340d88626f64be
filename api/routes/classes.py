"""/v1/assignments/{id}/…: a class's overview and grades, and regrading."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Response

from api.dependencies import Caller, TheService
from api.http.negotiation import attachment
from api.http.problems import documented
from api.schemas import OverviewDocument, RegradeDocument
from api.services import classes
from api.services.assignments import get_graded_assignment
from api.services.classes import Counts

router = APIRouter(tags=["classes"])
Counting = Annotated[Counts, Query(description="which of a student's attempts counts")]


@router.get(
    "/v1/assignments/{assignment_id}/overview",
    operation_id="overview",
    summary="How the class does: verdicts, bugs counted, identical mistakes, students by parameters",
    response_model=OverviewDocument,
    responses=documented(401, 403, 404, 422, 429),
)
def get_overview(
    assignment_id: str, service: TheService, caller: Caller, counts: Counting = Counts.LATEST
) -> dict[str, Any]:
    stored = get_graded_assignment(service, caller, assignment_id)
    return classes.overview_document(service, stored, counts)


@router.get(
    "/v1/assignments/{assignment_id}/grades.csv",
    operation_id="grades",
    summary="Grades, a row a student",
    response_class=Response,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The table"},
        **documented(401, 403, 404, 422, 429),
    },
)
def get_grades(
    assignment_id: str, service: TheService, caller: Caller, counts: Counting = Counts.LATEST
) -> Response:
    stored = get_graded_assignment(service, caller, assignment_id)
    table = classes.grades_csv(service, stored, counts)
    return attachment(table, f"grades-{stored.id}.csv", "text/csv")


@router.post(
    "/v1/assignments/{assignment_id}/regrades",
    operation_id="regrade",
    summary="Judge submissions again that were judged before the assignment last changed",
    response_model=RegradeDocument,
    responses=documented(401, 403, 404, 429),
)
async def post_regrade(assignment_id: str, service: TheService, caller: Caller) -> dict[str, Any]:
    stored = await run_sync(get_graded_assignment, service, caller, assignment_id)
    return classes.regrade_document(stored, await classes.regrade(service, stored))
