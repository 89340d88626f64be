"""Judge the items of a batch and store one outcome for each."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from hashlib import sha256
from threading import Event

from sqlalchemy.exc import IntegrityError

from api.batches.retry import Interrupted, retry_while_unavailable
from api.http.problems import ProblemError
from api.service import Service, new_id
from api.services.batches import refuse_after_error, refused_item
from api.services.checks import check_task, judge_blocking, reason_of
from api.services.regrades import regrade_items
from api.services.submissions import (
    check_quota,
    closed_message,
    no_attempt_message,
    note_refusal,
    records_of,
    submission_task,
)
from api.storage.records import (
    AssignmentGoneError,
    BatchItem,
    BatchKind,
    ItemState,
    StoredAssignment,
    StoredBatch,
    StoredReport,
    StoredSubmission,
    SubmissionResult,
)
from api.storage.work_queue import Chunk
from api.workers.protocol import Judged, Refusal
from api.workers.turns import CALLER, background

_LOG = logging.getLogger("gradjury")


def judge_chunk(service: Service, chunk: Chunk, stopping: Event) -> None:
    """Judge the pending items of a chunk.

    If `stopping` is set, finish the items that are being judged and raise Interrupted.
    Calling it twice, after a crash or in two workers at once, is safe: a finished item is not changed.
    """
    batches = service.repository.batches
    with ThreadPoolExecutor(service.settings.processes, "judging") as threads:
        while items := retry_while_unavailable(
            lambda: batches.pending(chunk.batch, chunk.first, chunk.last), stopping
        ):
            batch, stored = retry_while_unavailable(lambda: _find_batch(service, chunk.batch), stopping)
            if stored is not None and batch.kind is not BatchKind.SUBMISSIONS:
                owner = background(batch.owner)
                work = partial(regrade_items, service, stored, batch.kind, items, owner, stopping)
                retry_while_unavailable(work, stopping)
            else:
                list(threads.map(_item_judge(service, batch, stored, stopping), items))
            if stopping.is_set():
                raise Interrupted


def refuse_chunk(service: Service, chunk: Chunk, reason: str) -> None:
    """Refuse the pending items of a chunk."""
    for item in service.repository.batches.pending(chunk.batch, chunk.first, chunk.last):
        service.repository.batches.finish(refused_item(item, reason), None)


def judge_item(
    service: Service, batch: StoredBatch, stored: StoredAssignment | None, item: BatchItem
) -> tuple[BatchItem, StoredReport | None]:
    """Judge an item. Return it with its outcome, and its report unless that is stored already."""
    if stored is not None:
        submitted = _submit_item(service, batch, stored, item)
        if submitted.state is ItemState.REFUSED:
            note_refusal(service, stored, item.source, submitted.refusal)
        return submitted, None
    outcome = judge_blocking(service, check_task(service, item.content, declared=item.declared, store=True))
    if not isinstance(outcome, Judged):
        return refused_item(item, reason_of(outcome)), None
    digest = sha256(outcome.document).hexdigest()
    report = StoredReport(new_id(), batch.owner, None, None, outcome.document, digest, service.now())
    verdict = outcome.findings.verdict
    return replace(item, state=ItemState.JUDGED, report=report.id, verdict=verdict), report


def _find_batch(service: Service, batch_id: str) -> tuple[StoredBatch, StoredAssignment | None]:
    batch = service.repository.batches.find(batch_id)
    if batch is None:
        raise LookupError(batch_id)
    if batch.assignment is None:
        return batch, None
    stored = service.repository.assignments.find(batch.assignment)
    if stored is None:
        raise LookupError(batch.assignment)
    return batch, stored


def _item_judge(
    service: Service, batch: StoredBatch, stored: StoredAssignment | None, stopping: Event
) -> Callable[[BatchItem], None]:
    outdated = Event()

    def judge(item: BatchItem) -> None:
        CALLER.set(background(batch.owner))  # owners take turns
        if stopping.is_set() or outdated.is_set():
            return
        outcome, report = retry_while_unavailable(
            lambda: _judge_or_refuse(service, batch, stored, item), stopping
        )
        if not retry_while_unavailable(lambda: service.repository.batches.finish(outcome, report), stopping):
            outdated.set()  # cancelled, or judged by another worker: read the pending items again

    return judge


def _judge_or_refuse(
    service: Service, batch: StoredBatch, stored: StoredAssignment | None, item: BatchItem
) -> tuple[BatchItem, StoredReport | None]:
    """Judge an item; refuse it after an internal error, so that the rest of the batch is judged."""
    try:
        return judge_item(service, batch, stored, item)
    except Exception as error:
        return refuse_after_error(item, error), None


def _submit_item(
    service: Service, batch: StoredBatch, stored: StoredAssignment, item: BatchItem
) -> BatchItem:
    """Judge an item as a submission of its student, and store it.

    The id of the submission is derived from the item. So if two workers judge an item, only one of them can
    store it, and a worker that takes over after a crash finds the stored result.
    """
    store = service.repository.submissions
    submission_id = sha256(f"{item.batch}:{item.index}".encode()).hexdigest()[:32]

    def stored_or_refused(reason: str) -> BatchItem:
        """Return the outcome that another worker may have stored since the first look, or a refusal."""
        existing = store.find(submission_id)
        if existing is None or existing.result is None:
            return refused_item(item, reason)
        return _judged(item, existing.result)

    existing = store.find(submission_id)
    if existing is not None and existing.result is not None:
        return _judged(item, existing.result)
    assignment = stored.assignment
    if not assignment.open_at(batch.created):
        return refused_item(item, closed_message(stored))
    no_attempt = no_attempt_message(assignment.attempts or 0)
    if assignment.attempts is not None and store.count(stored.id, item.source) >= assignment.attempts:
        return stored_or_refused(no_attempt)
    try:
        check_quota(service, stored, item.source)
    except ProblemError as error:
        return stored_or_refused(error.detail)
    submission = StoredSubmission(
        submission_id, stored.id, item.source, 0, batch.created, item.declared, item.content
    )
    begun = service.now()
    outcome = judge_blocking(service, submission_task(service, stored, submission))
    if isinstance(outcome, Refusal):
        return refused_item(item, reason_of(outcome))
    submission, report = records_of(stored, submission, outcome, begun)
    try:
        attempt = store.add(submission, report, assignment.attempts)
    except (IntegrityError, AssignmentGoneError):
        attempt = None
    if attempt is None:
        return stored_or_refused(no_attempt)
    assert submission.result is not None
    return _judged(item, submission.result)


def _judged(item: BatchItem, result: SubmissionResult) -> BatchItem:
    if result.verdict is None:  # stopped at a limit: it counts as an attempt all the same
        return refused_item(item, result.refusal)
    return replace(item, state=ItemState.JUDGED, report=result.report, verdict=result.verdict)
