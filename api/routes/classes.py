"""/v1/assignments/{id}/…: a class's overview and grades, and regrading."""

from http import HTTPStatus
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, BackgroundTasks, Header, Query, Response

from api.dependencies import Caller, TheService
from api.http.negotiation import attachment
from api.http.problems import documented
from api.rendering import JSON
from api.schemas.classes import OverviewDocument, RegradeDocument, RegradeJobDocument
from api.services import classes, regrades
from api.services.assignments import get_graded_assignment
from api.services.batches import NDJSON, enqueue_batch, finished_items, is_over
from api.services.classes import Counts
from verifier.documents.json import to_json

router = APIRouter(tags=["classes"])
_ASYNCHRONOUS = "respond-async"
_RETRY_AFTER = {"Retry-After": "2"}
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
) -> Response:
    stored = get_graded_assignment(service, caller, assignment_id)
    document = classes.overview_document(service, stored, counts)
    return Response(to_json(document), media_type=JSON)  # checking thousands of rows takes a second


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
    responses={
        202: {
            "model": RegradeJobDocument,
            "description": f"A job: with 'Prefer: respond-async', or for more than {regrades.MOST_AT_ONCE}",
        },
        **documented(401, 403, 404, 429),
    },
)
async def post_regrade(
    assignment_id: str,
    service: TheService,
    caller: Caller,
    after: BackgroundTasks,
    prefer: Annotated[str | None, Header(description="`respond-async` asks for a job (RFC 7240)")] = None,
) -> Response:
    stored = await run_sync(get_graded_assignment, service, caller, assignment_id)
    prefers_job = _prefers_job(prefer)
    job = await regrades.begin_regrade(service, caller, stored, wait=not prefers_job)
    document = await run_sync(regrades.regrade_document, service, stored, job)
    if is_over(document) and not prefers_job:
        answer = {name: document[name] for name in ("revision", "judged", "changes", "refused")}
        return Response(to_json(answer), media_type=JSON)
    after.add_task(enqueue_batch, service, job.id)
    headers = {"Location": f"/v1/assignments/{stored.id}/regrades/{job.id}", **_RETRY_AFTER}
    if prefers_job:
        headers["Preference-Applied"] = _ASYNCHRONOUS
    return Response(to_json(document), HTTPStatus.ACCEPTED, headers, JSON, background=after)


@router.get(
    "/v1/assignments/{assignment_id}/regrades/{job_id}",
    operation_id="read_regrade",
    summary="Say how far a regrade is, what came out otherwise, and what could not be judged",
    response_model=RegradeJobDocument,
    responses=documented(401, 403, 404, 429),
)
def read_regrade(
    assignment_id: str, job_id: str, service: TheService, caller: Caller, response: Response
) -> dict[str, Any]:
    stored = get_graded_assignment(service, caller, assignment_id)
    job = regrades.get_regrade(service, stored, job_id)
    document = regrades.regrade_document(service, stored, job)
    if not is_over(document):
        response.headers.update(_RETRY_AFTER)
    return document


@router.get(
    "/v1/assignments/{assignment_id}/regrades/{job_id}/outcomes",
    operation_id="read_regrade_outcomes",
    summary="Give the outcomes of a regrade in order, up to the first submission that is not judged yet",
    response_class=Response,
    responses={
        200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "An outcome a line"},
        **documented(401, 403, 404, 422, 429),
    },
)
def read_outcomes(
    assignment_id: str,
    job_id: str,
    service: TheService,
    caller: Caller,
    after: Annotated[int, Query(ge=-1, le=2**31, description="the index of the last outcome read")] = -1,
    most: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    stored = get_graded_assignment(service, caller, assignment_id)
    job = regrades.get_regrade(service, stored, job_id)
    lines = map(regrades.outcome_line, finished_items(service, job, after, most))
    return Response(b"".join(lines), media_type=NDJSON)


def _prefers_job(header: str | None) -> bool:
    return _ASYNCHRONOUS in (part.strip().lower() for part in (header or "").split(","))
