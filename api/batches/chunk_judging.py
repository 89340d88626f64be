"""What a chunk's workflow does: judge what is pending of it, keeping one outcome per item."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from api.batches.judging import judge_item, refused
from api.batches.retry import Interrupted, passing, patiently
from api.service import Service
from api.storage.records import Batch, BatchItem, StoredAssignment, StoredReport
from api.storage.work_queue import Chunk

_LOG = logging.getLogger("gradjury")


def judge_chunk(service: Service, chunk: Chunk, stopping: Event) -> None:
    """Judge until nothing of the chunk is pending. Raises: Interrupted, items in work being finished first.

    Doing it twice, after a crash or by two workers at once, does no harm: finished items stay as they are.
    """
    batches = service.repository.batches
    with ThreadPoolExecutor(service.settings.processes, "judging") as threads:
        while items := patiently(lambda: batches.pending(chunk.batch, chunk.first, chunk.last), stopping):
            batch, stored = patiently(lambda: _context(service, chunk.batch), stopping)
            list(threads.map(_judging(service, batch, stored, stopping), items))
            if stopping.is_set():
                raise Interrupted


def refuse_chunk(service: Service, chunk: Chunk, reason: str) -> None:
    """Give up what is pending of a chunk."""
    for item in service.repository.batches.pending(chunk.batch, chunk.first, chunk.last):
        service.repository.batches.finish(refused(item, reason), None)


def _context(service: Service, batch_id: str) -> tuple[Batch, StoredAssignment | None]:
    batch = service.repository.batches.find(batch_id)
    if batch is None:
        raise LookupError(batch_id)
    if batch.assignment is None:
        return batch, None
    stored = service.repository.assignments.find(batch.assignment)
    if stored is None:
        raise LookupError(batch.assignment)
    return batch, stored


def _judging(
    service: Service, batch: Batch, stored: StoredAssignment | None, stopping: Event
) -> Callable[[BatchItem], None]:
    overtaken = Event()

    def judge(item: BatchItem) -> None:
        if stopping.is_set() or overtaken.is_set():
            return
        outcome, report = patiently(lambda: _outcome(service, batch, stored, item), stopping)
        if not patiently(lambda: service.repository.batches.finish(outcome, report), stopping):
            overtaken.set()  # cancelled, or another worker is here: look again what is left

    return judge


def _outcome(
    service: Service, batch: Batch, stored: StoredAssignment | None, item: BatchItem
) -> tuple[BatchItem, StoredReport | None]:
    try:
        return judge_item(service, batch, stored, item)
    except Exception as error:
        if passing(error):
            raise
        _LOG.error("unforeseen %s at item %d of batch %s", type(error).__name__, item.index, batch.id)
        return refused(item, "an error of the service, not of the submission"), None
