"""Pages of batches: the form, the list, and the progress of one."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from secrets import token_hex
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import BackgroundTasks, Depends, Header, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.dependencies import OneStream, TheService
from api.http.problems import ProblemError
from api.pages.forms import read_form
from api.pages.page_route import pages_router
from api.pages.templating import page
from api.pages.visitors import SAME_ORIGIN, PageSender
from api.service import Service
from api.services.assignments import get_graded_assignment, list_assignments
from api.services.batches import (
    batch_document,
    batch_id_of,
    cancel_batch,
    create_batch,
    enqueue_batch,
    finished_items,
    follow_batch,
    get_batch,
    is_over,
    list_batches,
    media_type_of,
)
from api.storage.records import Role, StoredBatch, Token

router = pages_router()

_ITEMS_PER_PAGE = 100


def _own_batch(batch_id: str, service: TheService, member: PageSender) -> StoredBatch:
    return get_batch(service, member, batch_id)


OwnBatch = Annotated[StoredBatch, Depends(_own_batch)]


@router.get("/batches", operation_id="batches_page")
def batches(request: Request, service: TheService, member: PageSender) -> Response:
    return _list_page(request, service, member)


@router.post("/batches", operation_id="create_batch_page", dependencies=[SAME_ORIGIN])
async def create(
    request: Request, service: TheService, member: PageSender, after: BackgroundTasks
) -> Response:
    form = await read_form(request, service.settings.largest_batch)
    try:
        content = form.document().content
        media_type = media_type_of(content)
        assignment_id = form.field("assignment")
        stored = (
            await run_sync(get_graded_assignment, service, member, assignment_id) if assignment_id else None
        )
        key = form.field("key") or None
        reply = await create_batch(service, member, stored, media_type, content, key)
    except ProblemError as error:
        return await run_sync(_list_page, request, service, member, error)
    batch_id = batch_id_of(reply)
    after.add_task(enqueue_batch, service, batch_id)
    return RedirectResponse(f"/batches/{batch_id}", HTTPStatus.SEE_OTHER, background=after)


@router.get("/batches/{batch_id}", operation_id="batch_page")
def batch(
    batch_id: str,
    request: Request,
    service: TheService,
    member: PageSender,
    after: Annotated[int, Query(ge=-1, le=2**31)] = -1,
) -> Response:
    batch = get_batch(service, member, batch_id)
    document = batch_document(service, batch)
    items = finished_items(service, batch, after, _ITEMS_PER_PAGE)
    return page(
        request,
        "batch.html.jinja",
        batch=batch,
        document=document,
        over=is_over(document),
        finished=batch.total - document["states"]["pending"],
        items=items,
        after=after,
        next_after=items[-1].index if items and items[-1].index + 1 < batch.total else None,
    )


@router.post("/batches/{batch_id}/cancel", operation_id="cancel_batch_page", dependencies=[SAME_ORIGIN])
def cancel(batch: OwnBatch, service: TheService) -> Response:
    cancel_batch(service, batch)
    return RedirectResponse(f"/batches/{batch.id}", HTTPStatus.SEE_OTHER)


@router.get(
    "/batches/{batch_id}/events", operation_id="follow_batch_page", response_class=EventSourceResponse
)
async def follow(
    batch: OwnBatch,
    service: TheService,
    member: PageSender,
    _: OneStream,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    async for event in follow_batch(service, member, batch, last_event_id):
        yield ServerSentEvent(event=event.name, data=event.document, id=event.id)


def _list_page(
    request: Request, service: Service, member: Token, error: ProblemError | None = None
) -> Response:
    return page(
        request,
        "batches.html.jinja",
        HTTPStatus.OK if error is None else error.status,
        batches=list_batches(service, member),
        assignments=list_assignments(service, member) if member.role is Role.GRADER else (),
        key=token_hex(16),
        trouble="" if error is None else error.detail,
        most=service.settings.most_in_batch,
    )
