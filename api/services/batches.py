"""A batch taken in: read, stored whole, put in line."""

import hmac
import logging
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus

from sqlalchemy.exc import IntegrityError

from api.batches.lines import read_lines
from api.batches.progress import document_of
from api.batches.sent import Sent, of_students
from api.http.idempotency import Reply, answered_once, check_key
from api.http.problems import ProblemError
from api.http.upload import read_archive
from api.service import Service, new_id
from api.services.access import owner_of
from api.storage.records import Batch, BatchItem, ItemState, StoredAssignment, Token
from verifier.documents.json_text import write

NDJSON, ZIP = "application/x-ndjson", "application/zip"
_LOG = logging.getLogger("gradjury")


def accept(
    service: Service,
    caller: Token,
    stored: StoredAssignment | None,
    media_type: str,
    content: bytes,
    key: str | None,
) -> Reply:
    """Store a batch and answer for it; nothing is judged yet. It blocks.

    Raises: ProblemError for a body that is no batch, and as `answered_once`.
    """
    assignment = None if stored is None else stored.id
    if key is None:
        return _answer(service, _keep(service, caller, assignment, media_type, content, new_id()))
    check_key(key)
    fingerprint = sha256(f"{assignment} {media_type} ".encode() + content).digest()

    def named(begun: datetime) -> str:
        text = f"batch {caller.id} {begun.isoformat()} {key}".encode()
        return hmac.new(service.instance_secret(), text, sha256).hexdigest()[:32]

    def made(begun: datetime) -> Reply | None:
        found = service.repository.batches.find(named(begun))
        return None if found is None else _answer(service, found)

    def make(begun: datetime) -> Reply:
        return _answer(service, _keep(service, caller, assignment, media_type, content, named(begun)))

    return answered_once(service.repository.replies, caller.id, key, fingerprint, service.now(), made, make)


def enqueue(service: Service, batch_id: str) -> None:
    """Put a batch in line. Where that fails, a worker's next round does it."""
    try:
        batch = service.repository.batches.find(batch_id)
        if batch is not None:
            service.queue.put_batch(batch)
    except Exception as error:
        _LOG.warning("%s while a batch was put in line; a worker will do it", type(error).__name__)


def _keep(
    service: Service, caller: Token, assignment: str | None, media_type: str, content: bytes, batch_id: str
) -> Batch:
    settings, students = service.settings, assignment is not None
    sent: list[Sent]
    if media_type == NDJSON:
        sent = list(read_lines(content, settings.most_in_batch, settings.largest_body, students))
    else:
        sent = list(
            read_archive(
                content, settings.most_in_batch, settings.largest_batch, settings.largest_body, students
            )
        )
    if students:
        of_students(sent)
    if not sent:
        detail = "expected at least one submission, got none: a line each, or files .json, .npz, .safetensors"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    batch = Batch(batch_id, owner_of(caller), assignment, len(sent), service.now())
    items = [_item(batch_id, index, each) for index, each in enumerate(sent)]
    try:
        service.repository.batches.add(batch, items)
    except IntegrityError:  # the same request was answered meanwhile
        found = service.repository.batches.find(batch_id)
        if found is None:
            raise
        return found
    return batch


def _item(batch_id: str, index: int, sent: Sent) -> BatchItem:
    state = ItemState.REFUSED if sent.refusal else ItemState.PENDING
    return BatchItem(batch_id, index, sent.source, sent.declared, sent.content, state, refusal=sent.refusal)


def _answer(service: Service, batch: Batch) -> Reply:
    document = document_of(batch, service.repository.batches.progress(batch.id))
    return Reply(HTTPStatus.ACCEPTED, {"Location": f"/v1/batches/{batch.id}"}, write(document).encode())
