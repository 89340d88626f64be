"""What a grader sees of a class: overview, grades, and judging again."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Response

from api.dependencies import Caller, TheService
from api.grades import grades_csv
from api.http.problems import documented
from api.regrading import regrade
from api.routes.assignments import graded
from api.schemas import OverviewDocument, RegradeDocument
from api.service import Service
from api.services.classes import Counts, overview, standings
from api.storage.records import StoredAssignment
from verifier.diagnosis.bugs import BUGS

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
    stored = graded(service, caller, assignment_id)
    found = overview(service.repository.submissions.list(stored.id), counts)
    return {
        "assignment": stored.id,
        "students": len(found.standings),
        "submissions": found.submissions,
        "verdicts": {str(verdict or "not judged"): number for verdict, number in found.verdicts.items()},
        "wrong": dict(found.wrong),
        "bugs": [
            {"bug": row.bug, "title": _title(row.bug), "layer": row.layer, "students": row.students}
            for row in found.bugs
        ],
        "clusters": [
            {
                "bugs": [{"bug": bug, "layer": layer} for bug, layer in cluster.bugs],
                "parameters": list(cluster.parameters),
                "students": list(cluster.students),
            }
            for cluster in found.clusters
        ],
        "matrix": [
            {
                "student": row.submission.student,
                "submission": row.submission.id,
                "report": row.result.report,
                "attempts": row.attempts,
                "verdict": row.result.verdict,
                "earned": row.result.earned,
                "worth": row.result.worth,
                "parameters": dict(row.result.parameters),
            }
            for row in found.standings
        ],
    }


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
    return grades_file(service, graded(service, caller, assignment_id), counts)


def grades_file(service: Service, stored: StoredAssignment, counts: Counts) -> Response:
    """Give an assignment's grades as a file to save."""
    table = grades_csv(standings(service.repository.submissions.list(stored.id), counts))
    headers = {"Content-Disposition": f'attachment; filename="grades-{stored.id}.csv"'}
    return Response(table, 200, headers, "text/csv")


@router.post(
    "/v1/assignments/{assignment_id}/regrades",
    operation_id="regrade",
    summary="Judge submissions again that were judged before the assignment last changed",
    response_model=RegradeDocument,
    responses=documented(401, 403, 404, 429),
)
async def post_regrade(assignment_id: str, service: TheService, caller: Caller) -> dict[str, Any]:
    stored = await run_sync(graded, service, caller, assignment_id)
    found = await regrade(service, stored)
    return {
        "revision": stored.revision,
        "judged": found.judged,
        "changes": [
            {
                "submission": change.submission.id,
                "student": change.submission.student,
                "attempt": change.submission.attempt,
                "before": {"verdict": change.before.verdict, "earned": change.before.earned},
                "after": {"verdict": change.after.verdict, "earned": change.after.earned},
            }
            for change in found.changes
        ],
    }


def _title(bug: str) -> str:
    return BUGS[bug].words.title if bug in BUGS else bug
