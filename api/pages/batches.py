"""Batches: sent from a page, and followed while they are judged."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from secrets import token_hex
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import BackgroundTasks, Depends, Header, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.batches.progress import BatchState
from api.dependencies import TheService
from api.http.problems import ProblemError
from api.pages.forms import read_form
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import SENT_FROM_HERE, PageSender
from api.routes.assignments import graded
from api.routes.assignments import listed as listed_assignments
from api.routes.batches import cancelled, events, finished_items, listed, own_batch, shown
from api.service import Service
from api.services.access import grades
from api.services.batches import NDJSON, ZIP, accept, enqueue
from api.storage.records import Batch, Token

router = pages_router()

_ZIP_BEGINS = b"PK"
_SHOWN = 100


@router.get("/batches", operation_id="batches_page")
def batches(request: Request, service: TheService, member: PageSender) -> Response:
    return _list(request, service, member)


@router.post("/batches", operation_id="create_batch_page", dependencies=[SENT_FROM_HERE])
async def create(
    request: Request, service: TheService, member: PageSender, after: BackgroundTasks
) -> Response:
    form = await read_form(request, service.settings.largest_batch)
    try:
        content = form.document().content
        media_type = ZIP if content.startswith(_ZIP_BEGINS) else NDJSON
        named = form.field("assignment")
        stored = await run_sync(graded, service, member, named) if named else None
        key = form.field("key") or None
        answer = await run_sync(accept, service, member, stored, media_type, content, key)
    except ProblemError as error:
        return await run_sync(_list, request, service, member, error)
    batch_id = answer.headers["Location"].rpartition("/")[2]
    after.add_task(enqueue, service, batch_id)
    return RedirectResponse(f"/batches/{batch_id}", HTTPStatus.SEE_OTHER, background=after)


@router.get("/batches/{batch_id}", operation_id="batch_page")
def batch(
    batch_id: str,
    request: Request,
    service: TheService,
    member: PageSender,
    after: Annotated[int, Query(ge=-1, le=2**31)] = -1,
) -> Response:
    found = own_batch(service, member, batch_id)
    document = shown(service, found)
    items = finished_items(service, found, after, _SHOWN)
    return page(
        request,
        "batch.html.jinja",
        batch=found,
        document=document,
        over=BatchState(document["state"]).over,
        finished=found.total - document["states"]["pending"],
        items=items,
        after=after,
        onwards=items[-1].index if items and items[-1].index + 1 < found.total else None,
    )


@router.post("/batches/{batch_id}/cancel", operation_id="cancel_batch_page", dependencies=[SENT_FROM_HERE])
def cancel(batch_id: str, service: TheService, member: PageSender) -> Response:
    found = own_batch(service, member, batch_id)
    cancelled(service, found)
    return RedirectResponse(f"/batches/{found.id}", HTTPStatus.SEE_OTHER)


def _own(batch_id: str, service: TheService, member: PageSender) -> Batch:
    return own_batch(service, member, batch_id)


@router.get(
    "/batches/{batch_id}/events", operation_id="follow_batch_page", response_class=EventSourceResponse
)
async def follow(
    batch: Annotated[Batch, Depends(_own)],
    service: TheService,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    async for event in events(service, batch, last_event_id):
        yield event


def _list(request: Request, service: Service, member: Token, error: ProblemError | None = None) -> Response:
    return page(
        request,
        "batches.html.jinja",
        HTTPStatus.OK if error is None else error.status,
        batches=listed(service, member),
        assignments=[stored for stored in listed_assignments(service, member) if grades(member, stored)],
        key=token_hex(16),
        trouble="" if error is None else error.detail,
        most=service.settings.most_in_batch,
    )
