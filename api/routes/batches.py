"""/v1/batches: many submissions in one request, judged by workers."""

from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Annotated, Any

from anyio import sleep
from anyio.to_thread import run_sync
from fastapi import APIRouter, BackgroundTasks, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.batches.progress import BatchState, document_of
from api.dependencies import Caller, TheService
from api.http.bodies import read_bounded
from api.http.problems import ProblemError, documented
from api.routes.assignments import graded
from api.schemas import BatchDocument
from api.service import Service, is_id
from api.services.access import not_found, owner_of, require_role
from api.services.batches import NDJSON, ZIP, accept, enqueue
from api.storage.records import Batch, BatchItem, Role, Token
from verifier.documents.json_text import write

router = APIRouter(tags=["batches"])

_BINARY = {"type": "string", "format": "binary"}
_REQUEST = {
    "requestBody": {"required": True, "content": {name: {"schema": _BINARY} for name in (NDJSON, ZIP)}}
}
_NDJSON = {
    "description": "A finished item a line, by index",
    "content": {NDJSON: {"schema": {"type": "string"}}},
}
_LISTED = 100
_MOST = 1000
_RETRY_AFTER = {"Retry-After": "2"}
_LOOK = 0.5  # seconds between two looks at the progress


def sender(caller: Caller) -> Token:
    """Give back who may send batches. Raises: ProblemError 403."""
    require_role(caller, Role.GRADER, Role.CI)
    return caller


Sender = Annotated[Token, Depends(sender)]


def _opened(batch_id: str, service: TheService, caller: Sender) -> Batch:
    return own_batch(service, caller, batch_id)


def own_batch(service: Service, caller: Token, batch_id: str) -> Batch:
    """Give a batch of the caller's own. Raises: ProblemError 404."""
    batch = service.repository.batches.find(batch_id) if is_id(batch_id) else None
    if batch is None or batch.owner != owner_of(caller):
        raise not_found("batch")
    return batch


Opened = Annotated[Batch, Depends(_opened)]


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
    if media_type not in (NDJSON, ZIP):
        rule = f"expected {NDJSON} or {ZIP}, got {media_type[:60]!r}"
        headers = {"Accept": f"{NDJSON}, {ZIP}"}
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, rule, headers)
    stored = None if assignment is None else await run_sync(graded, service, caller, assignment)
    content = await read_bounded(request, service.settings.largest_batch)
    answer = await run_sync(accept, service, caller, stored, media_type, content, idempotency_key)
    after.add_task(enqueue, service, answer.headers["Location"].rpartition("/")[2])
    return Response(
        answer.body, answer.status, {**answer.headers, **_RETRY_AFTER}, "application/json", background=after
    )


@router.get(
    "/v1/batches",
    operation_id="list_batches",
    summary=f"List the caller's batches, the newest {_LISTED}",
    response_model=list[BatchDocument],
    responses=documented(401, 403, 429),
)
def list_batches(service: TheService, caller: Sender) -> list[dict[str, Any]]:
    return listed(service, caller)


@router.get(
    "/v1/batches/{batch_id}",
    operation_id="read_batch",
    summary="Say how far a batch is",
    response_model=BatchDocument,
    responses=documented(401, 403, 404, 429),
)
def read(batch: Opened, service: TheService, response: Response) -> dict[str, Any]:
    document = shown(service, batch)
    if not BatchState(document["state"]).over:
        response.headers.update(_RETRY_AFTER)
    return document


@router.delete(
    "/v1/batches/{batch_id}",
    operation_id="cancel_batch",
    summary="Let what is not judged yet be; reports that exist stay",
    response_model=BatchDocument,
    responses=documented(401, 403, 404, 429),
)
def cancel(batch: Opened, service: TheService) -> dict[str, Any]:
    return cancelled(service, batch)


@router.get(
    "/v1/batches/{batch_id}/reports",
    operation_id="read_batch_reports",
    summary="Give the reports of a batch in order, up to the first item that is not finished",
    response_class=StreamingResponse,
    responses={200: _NDJSON, **documented(401, 403, 404, 422, 429)},
)
def read_reports(
    batch: Opened,
    service: TheService,
    after: Annotated[int, Query(ge=-1, description="the index of the last item read")] = -1,
    most: Annotated[int, Query(ge=1, le=_MOST)] = 100,
) -> Response:
    return StreamingResponse(_lines(service, finished_items(service, batch, after, most)), media_type=NDJSON)


@router.get(
    "/v1/batches/{batch_id}/events",
    operation_id="follow_batch",
    summary="Follow a batch by server-sent events: `progress`, and `finished` at the end",
    response_class=EventSourceResponse,
    responses=documented(401, 403, 404, 429),
)
async def follow(
    batch: Opened, service: TheService, last_event_id: Annotated[str | None, Header()] = None
) -> AsyncIterator[ServerSentEvent]:
    async for event in events(service, batch, last_event_id):
        yield event


async def events(service: Service, batch: Batch, last: str | None) -> AsyncIterator[ServerSentEvent]:
    """Tell how far a batch is whenever that changes, to who was told up to an event last."""
    told = last
    while not service.stopping.is_set():
        document = await run_sync(shown, service, batch)
        done = str(document["total"] - document["states"]["pending"])
        if BatchState(document["state"]).over:
            yield ServerSentEvent(event="finished", data=document, id=done)
            return
        if done != told:
            yield ServerSentEvent(event="progress", data=document, id=done)
            told = done
        await sleep(_LOOK)


def listed(service: Service, caller: Token) -> list[dict[str, Any]]:
    """Give the documents of the caller's newest batches."""
    return [shown(service, batch) for batch in service.repository.batches.list(owner_of(caller))[:_LISTED]]


def cancelled(service: Service, batch: Batch) -> dict[str, Any]:
    """Let what is not judged yet be; give the document of what then is."""
    document = shown(service, batch)
    if BatchState(document["state"]).over:
        return document
    service.repository.batches.cancel(batch.id, service.now())
    return shown(service, batch)


def finished_items(service: Service, batch: Batch, after: int, most: int) -> list[BatchItem]:
    """Give finished items by index, up to the first that is not, so that reading on misses none."""
    found = service.repository.batches.items(batch.id, after, most)
    return [item for place, item in enumerate(found) if item.index == after + 1 + place]


def shown(service: Service, batch: Batch) -> dict[str, Any]:
    """Give a batch's document."""
    return document_of(batch, service.repository.batches.progress(batch.id))


def _lines(service: Service, items: list[BatchItem]) -> Iterator[bytes]:
    for item in items:
        head = {"index": item.index, "source": item.source, "state": str(item.state)}
        head |= {"verdict": item.verdict, "refusal": item.refusal or None, "id": item.report}
        report = None if item.report is None else service.repository.reports.find(item.report)
        document = b"null" if report is None else report.document
        yield write(head).encode()[:-1] + b', "report": ' + document + b"}\n"
