"""Batches: many submissions in one request, which workers judge in the background."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from anyio import sleep
from anyio.to_thread import run_sync
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from api.http.idempotency import KeyedRequest, Reply, idempotent_reply
from api.http.problems import ProblemError
from api.http.upload import BatchItemUpload, check_students, read_archive, read_lines
from api.service import Service, is_id, new_id
from api.services.access import is_valid, not_found, owner_of
from api.services.cached import LruCache, recent
from api.services.checks import INTERNAL_ERROR, is_transient
from api.services.names import normalize_name
from api.services.submissions import is_student_name
from api.storage.records import (
    BatchItem,
    BatchKind,
    ItemState,
    Progress,
    StoredAssignment,
    StoredBatch,
    Token,
)
from api.storage.unavailable import is_unavailable
from verifier.documents.json import to_json
from verifier.report.verdict import Verdict

NDJSON, ZIP = "application/x-ndjson", "application/zip"
_ZIP_MAGIC = b"PK"
MOST_LISTED = 100
_POLLING_INTERVAL = 0.5  # seconds
_READ_INTERVAL = 0.4  # seconds for which those who follow share what was read
_FOLLOWED = 1_000  # batches, and tokens, of which that is kept
_FINISHED_KEPT = 2_000  # batches whose counts are remembered
_VERDICTS = (Verdict.CORRECT, Verdict.INCORRECT, Verdict.UNDECIDED)
_LOG = logging.getLogger("gradjury")


class BatchState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class BatchEvent:
    """An event of a batch that a client follows. id: the number of its finished items."""

    name: str
    document: dict[str, Any]
    id: str


async def create_batch(
    service: Service,
    caller: Token,
    stored: StoredAssignment | None,
    media_type: str,
    content: bytes,
    key: str | None,
) -> Reply:
    """Store a batch and return the reply to its request.

    key: the Idempotency-Key, if the request has one.
    Raise ProblemError for a malformed body, and as `idempotent_reply`.
    """
    assignment = None if stored is None else stored.id

    def store(batch_id: str) -> Reply:
        return _reply(service, _store(service, caller, assignment, media_type, content, batch_id))

    if key is None:
        return await run_sync(store, new_id())

    def batch_id(begun: datetime) -> str:
        return service.derived_id(f"batch {caller.id} {begun.isoformat()} {key}")

    def find(begun: datetime) -> Reply | None:
        batch = service.repository.batches.find(batch_id(begun))
        return None if batch is None else _reply(service, batch)

    async def create(begun: datetime) -> Reply:
        return await run_sync(lambda: store(batch_id(begun)))

    text = f"{assignment} {media_type} ".encode()
    fingerprint = await run_sync(lambda: sha256(text + content).digest())  # of megabytes
    keyed = KeyedRequest(caller.id, key, fingerprint, service.now())
    return await idempotent_reply(service.repository.replies, keyed, find, create)


def media_type_of(content: bytes) -> str:
    """Return the media type of a batch that was sent without one."""
    return ZIP if content.startswith(_ZIP_MAGIC) else NDJSON


def batch_id_of(reply: Reply) -> str:
    """Return the id of the batch that a reply of `create_batch` points to."""
    return reply.headers["Location"].rpartition("/")[2]


def enqueue_batch(service: Service, batch_id: str) -> None:
    """Put a batch into the work queue. If that fails, a worker does it later."""
    try:
        batch = service.repository.batches.find(batch_id)
        if batch is not None:
            service.queue.put_batch(batch)
    except Exception as error:
        _LOG.warning("a batch was not enqueued because of %s; a worker will enqueue it", type(error).__name__)


def get_batch(service: Service, caller: Token, batch_id: str) -> StoredBatch:
    """Return a batch of the caller. Raise ProblemError 404 for any other."""
    batch = service.repository.batches.find(batch_id) if is_id(batch_id) else None
    if batch is None or batch.owner != owner_of(caller) or batch.kind is not BatchKind.SUBMISSIONS:
        raise not_found("batch")
    return batch


def list_batches(service: Service, caller: Token) -> list[dict[str, Any]]:
    """Return the newest batches of the caller as JSON."""
    batches = service.repository.batches.list(owner_of(caller), MOST_LISTED)
    return [batch_document(service, batch) for batch in batches]


def batch_document(service: Service, batch: StoredBatch) -> dict[str, Any]:
    """Return a batch with its progress as JSON."""
    finished: LruCache[Progress]
    finished = service.derived.setdefault("finished batches", LruCache(_FINISHED_KEPT))
    progress = finished.get(batch.id)
    if progress is None:
        progress = service.repository.batches.progress(batch.id)
        if not progress.states[ItemState.PENDING]:  # it will not change: counting thousands takes time
            finished.put(batch.id, progress)
    verdicts = {str(verdict): progress.verdicts.get(verdict, 0) for verdict in _VERDICTS}
    return progress_document(batch, progress) | {"verdicts": verdicts}


def progress_document(batch: StoredBatch, progress: Progress) -> dict[str, Any]:
    """Return as JSON how far a batch of any kind is."""
    return {
        "id": batch.id,
        "assignment": batch.assignment,
        "created": batch.created.isoformat(),
        "state": str(_state(progress)),
        "total": batch.total,
        "states": {str(state): progress.states[state] for state in ItemState},
    }


def refused_item(item: BatchItem, reason: str) -> BatchItem:
    """Return an item that could not be judged."""
    return replace(item, state=ItemState.REFUSED, refusal=reason, change=None)


def refuse_after_error(item: BatchItem, error: Exception) -> BatchItem:
    """Log an internal error, and return the item as refused, so that the rest of its batch is judged.

    Raise the error again if a later attempt may succeed.
    """
    if is_transient(error):
        raise error
    _LOG.error("unexpected %s in item %d of batch %s", type(error).__name__, item.index, item.batch)
    return refused_item(item, INTERNAL_ERROR)


def is_over(document: dict[str, Any]) -> bool:
    """True if a batch is finished or cancelled. document: as `batch_document` returns it."""
    return document["state"] in (BatchState.FINISHED, BatchState.CANCELLED)


def cancel_batch(service: Service, batch: StoredBatch) -> dict[str, Any]:
    """Cancel the pending items of a batch, and return the batch as JSON."""
    document = batch_document(service, batch)
    if is_over(document):
        return document
    service.repository.batches.cancel(batch.id, service.now())
    return batch_document(service, batch)


def finished_items(service: Service, batch: StoredBatch, after: int, most: int) -> list[BatchItem]:
    """Return finished items with index > `after` up to the first unfinished one, so that no page has gaps."""
    items = service.repository.batches.items(batch.id, after, most)
    return [item for position, item in enumerate(items) if item.index == after + 1 + position]


async def follow_batch(
    service: Service, caller: Token, batch: StoredBatch, last_id: str | None
) -> AsyncIterator[BatchEvent]:
    """Yield an event `progress` after every change, and `finished` at the end.

    last_id: id of the last event that the client has received.
    The events end when the caller's token is revoked or expires, or when the service stops.
    """
    while not service.stopping.is_set():
        try:
            if not await _is_still_valid(service, caller):
                return
            document = await _followed_document(service, batch)
        except SQLAlchemyError as error:
            if not is_unavailable(error):
                raise
            await sleep(_POLLING_INTERVAL)
            continue
        event_id = str(document["total"] - document["states"]["pending"])
        if is_over(document):
            yield BatchEvent("finished", document, event_id)
            return
        if event_id != last_id:
            yield BatchEvent("progress", document, event_id)
            last_id = event_id
        await sleep(_POLLING_INTERVAL)


async def _is_still_valid(service: Service, caller: Token) -> bool:
    """Return `is_valid` of a token, read once for all streams of its holder."""
    work = partial(run_sync, is_valid, service, caller)
    return await recent(service, "valid tokens", _FOLLOWED, caller.id, work, seconds=_READ_INTERVAL)


async def _followed_document(service: Service, batch: StoredBatch) -> dict[str, Any]:
    """Return `batch_document` of a batch, read once for all who follow it."""
    work = partial(run_sync, batch_document, service, batch)
    return await recent(service, "followed batches", _FOLLOWED, batch.id, work, seconds=_READ_INTERVAL)


def item_line(service: Service, item: BatchItem) -> bytes:
    """Return an item and its report as a line of NDJSON."""
    head = {"index": item.index, "source": item.source, "state": str(item.state)}
    head |= {"verdict": item.verdict, "refusal": item.refusal or None, "id": item.report}
    document = b"null" if item.report is None else service.repository.reports.document(item.report)
    return to_json(head).encode()[:-1] + b', "report": ' + document + b"}\n"


def _state(progress: Progress) -> BatchState:
    if progress.states[ItemState.PENDING]:
        return BatchState.RUNNING if progress.finished else BatchState.QUEUED
    return BatchState.CANCELLED if progress.states[ItemState.CANCELLED] else BatchState.FINISHED


def _store(
    service: Service, caller: Token, assignment: str | None, media_type: str, content: bytes, batch_id: str
) -> StoredBatch:
    uploads = _read_body(service, media_type, content, of_students=assignment is not None)
    batch = StoredBatch(batch_id, owner_of(caller), assignment, len(uploads), service.now())
    items = [_item(batch_id, index, upload) for index, upload in enumerate(uploads)]
    try:
        service.repository.batches.add(batch, items)
    except IntegrityError:  # a simultaneous request with the same key stored it
        stored = service.repository.batches.find(batch_id)
        if stored is None:
            raise
        return stored
    if assignment is not None and media_type == ZIP:  # a refused line may name nobody
        for item in items:
            if item.state is ItemState.REFUSED and is_student_name(item.source):
                service.repository.roster.refuse(assignment, item.source, item.refusal, batch.created)
    return batch


def _read_body(service: Service, media_type: str, content: bytes, of_students: bool) -> list[BatchItemUpload]:
    settings = service.settings
    most, largest = settings.most_in_batch, settings.largest_body
    if media_type == NDJSON:
        uploads = read_lines(content, most, largest, of_students)
    else:
        uploads = read_archive(content, most, settings.largest_batch, largest, of_students)
    if of_students:
        uploads = [replace(upload, source=normalize_name(upload.source)) for upload in uploads]
        check_students(uploads)
    if not uploads:
        detail = "expected at least one submission, got none: a line each, or files .json, .npz, .safetensors"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    return uploads


def _item(batch_id: str, index: int, upload: BatchItemUpload) -> BatchItem:
    return BatchItem(
        batch_id,
        index,
        upload.source,
        upload.declared,
        upload.content,
        ItemState.REFUSED if upload.refusal else ItemState.PENDING,
        refusal=upload.refusal,
    )


def _reply(service: Service, batch: StoredBatch) -> Reply:
    document = batch_document(service, batch)
    return Reply(HTTPStatus.ACCEPTED, {"Location": f"/v1/batches/{batch.id}"}, to_json(document).encode())
