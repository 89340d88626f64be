"""/v1/batches: many submissions in one request, judged by workers."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, BackgroundTasks, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.dependencies import OneStream, Sender, TheService
from api.http.bodies import BINARY, read_bounded
from api.http.problems import ProblemError, documented
from api.rendering import JSON
from api.schemas.classes import BatchDocument
from api.services import batches
from api.services.assignments import get_graded_assignment
from api.services.batches import MOST_LISTED, NDJSON, ZIP
from api.storage.records import StoredBatch

router = APIRouter(tags=["batches"])

_BINARY = {"type": "string", "format": "binary"}
_TYPES = (NDJSON, ZIP, BINARY)
_REQUEST = {"requestBody": {"required": True, "content": {name: {"schema": _BINARY} for name in _TYPES}}}
_NDJSON = {
    "description": "A finished item a line, by index",
    "content": {NDJSON: {"schema": {"type": "string"}}},
}
_MOST_ITEMS = 1000
_RETRY_AFTER = {"Retry-After": "2"}


def _own_batch(batch_id: str, service: TheService, caller: Sender) -> StoredBatch:
    return batches.get_batch(service, caller, batch_id)


OwnBatch = Annotated[StoredBatch, Depends(_own_batch)]


@router.post(
    "/v1/batches",
    operation_id="create_batch",
    summary="Take in many submissions, as lines or in a zip, to be judged by workers",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    responses={202: {"model": BatchDocument}, **documented(400, 401, 403, 404, 409, 413, 415, 422, 429)},
    openapi_extra=_REQUEST,
)
async def create(
    request: Request,
    service: TheService,
    caller: Sender,
    after: BackgroundTasks,
    assignment: Annotated[
        str | None, Query(description="judge gradients alone, each as its student's submission to this")
    ] = None,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Response:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in _TYPES:
        rule = f"expected {NDJSON} or {ZIP}, got {media_type[:60]!r}"
        headers = {"Accept": f"{NDJSON}, {ZIP}"}
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, rule, headers)
    stored = (
        None if assignment is None else await run_sync(get_graded_assignment, service, caller, assignment)
    )
    content = await read_bounded(request, service.settings.largest_batch)
    if media_type == BINARY:
        media_type = batches.media_type_of(content)
    reply = await batches.create_batch(service, caller, stored, media_type, content, idempotency_key)
    after.add_task(batches.enqueue_batch, service, batches.batch_id_of(reply))
    return Response(reply.body, reply.status, {**reply.headers, **_RETRY_AFTER}, JSON, background=after)


@router.get(
    "/v1/batches",
    operation_id="list_batches",
    summary=f"List the caller's batches, the newest {MOST_LISTED}",
    response_model=list[BatchDocument],
    responses=documented(401, 403, 429),
)
def list_batches(service: TheService, caller: Sender) -> list[dict[str, Any]]:
    return batches.list_batches(service, caller)


@router.get(
    "/v1/batches/{batch_id}",
    operation_id="read_batch",
    summary="Say how far a batch is",
    response_model=BatchDocument,
    responses=documented(401, 403, 404, 429),
)
def read(batch: OwnBatch, service: TheService, response: Response) -> dict[str, Any]:
    document = batches.batch_document(service, batch)
    if not batches.is_over(document):
        response.headers.update(_RETRY_AFTER)
    return document


@router.delete(
    "/v1/batches/{batch_id}",
    operation_id="cancel_batch",
    summary="Let what is not judged yet be; reports that exist stay",
    response_model=BatchDocument,
    responses=documented(401, 403, 404, 429),
)
def cancel(batch: OwnBatch, service: TheService) -> dict[str, Any]:
    return batches.cancel_batch(service, batch)


@router.get(
    "/v1/batches/{batch_id}/reports",
    operation_id="read_batch_reports",
    summary="Give the reports of a batch in order, up to the first item that is not finished",
    response_class=StreamingResponse,
    responses={200: _NDJSON, **documented(401, 403, 404, 422, 429)},
)
def read_reports(
    batch: OwnBatch,
    service: TheService,
    after: Annotated[int, Query(ge=-1, le=2**31, description="the index of the last item read")] = -1,
    most: Annotated[int, Query(ge=1, le=_MOST_ITEMS)] = 100,
) -> Response:
    items = batches.finished_items(service, batch, after, most)
    return StreamingResponse((batches.item_line(service, item) for item in items), media_type=NDJSON)


@router.get(
    "/v1/batches/{batch_id}/events",
    operation_id="follow_batch",
    summary="Follow a batch by server-sent events: `progress`, and `finished` at the end",
    response_class=EventSourceResponse,
    responses=documented(401, 403, 404, 429),
)
async def follow(
    batch: OwnBatch,
    service: TheService,
    caller: Sender,
    _: OneStream,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    async for event in batches.follow_batch(service, caller, batch, last_event_id):
        yield ServerSentEvent(event=event.name, data=event.document, id=event.id)
