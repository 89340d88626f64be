"""Judge submissions again after their assignment has changed: a job with an outcome for each submission.

A job is a batch of another kind, so that workers take up what an interrupted request has left.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from time import monotonic
from typing import Any

import anyio
from anyio.to_thread import run_sync

from api.service import Service, is_id, new_id
from api.services.access import not_found, owner_of
from api.services.batches import progress_document, refuse_after_error, refused_item
from api.services.checks import is_transient, judge_blocking, reason_of
from api.services.submissions import records_of, result_of_refusal, submission_task
from api.storage.records import (
    BatchItem,
    BatchKind,
    ItemState,
    RegradedItem,
    StoredAssignment,
    StoredBatch,
    StoredSubmission,
    SubmissionResult,
    Token,
)
from api.workers.protocol import Refusal, Stopped
from api.workers.turns import CALLER, Caller
from verifier.documents.json import to_json

MOST_AT_ONCE = 200  # submissions that a request judges while its client waits
_READ_TOGETHER = 20  # submissions, with their contents
_LONGEST_UNSTORED = 1.0  # seconds of outcomes that are stored together
_LOG = logging.getLogger("gradjury")


async def begin_regrade(
    service: Service,
    caller: Token,
    stored: StoredAssignment,
    wait: bool = True,
    kind: BatchKind = BatchKind.REGRADE,
) -> StoredBatch:
    """Store a job, and judge it now if it is small and the client waits for it."""
    batch = await run_sync(_create_regrade, service, caller, stored, kind)
    if wait and batch.total <= MOST_AT_ONCE:
        await _finish_regrade(service, stored, batch)
    return batch


def _create_regrade(
    service: Service, caller: Token, stored: StoredAssignment, kind: BatchKind
) -> StoredBatch:
    """Store a job for the submissions that were judged under another revision of the assignment."""
    outdated = service.repository.submissions.outdated(stored.id, stored.revision)
    batch = StoredBatch(new_id(), owner_of(caller), stored.id, len(outdated), service.now(), kind=kind)
    items = [
        BatchItem(batch.id, index, submission.student, submission=submission.id, change=_before(submission))
        for index, submission in enumerate(outdated)
    ]
    service.repository.batches.add(batch, items)
    return batch


async def _finish_regrade(service: Service, stored: StoredAssignment, batch: StoredBatch) -> None:
    """Judge the items of a job now. What an error or a killed process leaves is left to a worker."""
    items = await run_sync(service.repository.batches.pending, batch.id, 0, batch.total)
    limiter = anyio.CapacityLimiter(1)  # it takes minutes, and must keep no thread from other requests
    try:
        await run_sync(
            regrade_items,
            service,
            stored,
            batch.kind,
            items,
            CALLER.get(),
            service.stopping,
            limiter=limiter,
        )
    except Exception as error:
        if not is_transient(error):
            raise
        _LOG.warning("a regrade was interrupted by %s; a worker will finish it", type(error).__name__)


def regrade_items(
    service: Service,
    stored: StoredAssignment,
    kind: BatchKind,
    items: Sequence[BatchItem],
    caller: Caller | None,
    stopping: Event,
) -> None:
    """Judge stored submissions under the assignment's present rules, and store the outcomes.

    Outcomes of about a second are stored in one transaction. Earlier reports are kept. If judging is stopped
    at a limit, the earlier result stays; in a preview every earlier result stays. If `stopping` is set, the
    rest is left.
    caller: whose turns they take.
    Raise the error of a database or a process if a later attempt may succeed.
    """
    store, batches = service.repository.submissions, service.repository.batches

    def judge(item: BatchItem, submission: StoredSubmission | None) -> RegradedItem | None:
        CALLER.set(caller)
        if stopping.is_set():
            return None
        try:
            judged = _judge_again(service, stored, item, submission)
            return RegradedItem(judged.item) if kind is BatchKind.REGRADE_PREVIEW else judged
        except Exception as error:
            return RegradedItem(refuse_after_error(item, error))

    with ThreadPoolExecutor(service.settings.processes, "judging") as threads:
        for first in range(0, len(items), _READ_TOGETHER):
            group = items[first : first + _READ_TOGETHER]
            ids = [item.submission or "" for item in group]
            submissions = {each.id: each for each in store.with_contents(ids)}
            outcomes, begun = list[RegradedItem](), monotonic()
            for outcome in threads.map(judge, group, map(submissions.get, ids)):
                if outcome is not None:
                    outcomes.append(outcome)
                if monotonic() - begun > _LONGEST_UNSTORED:
                    batches.finish_regrades(stored.id, outcomes)
                    outcomes, begun = [], monotonic()
            batches.finish_regrades(stored.id, outcomes)


def _judge_again(
    service: Service, stored: StoredAssignment, item: BatchItem, submission: StoredSubmission | None
) -> RegradedItem:
    if submission is None or submission.result is None:
        return RegradedItem(refused_item(item, "the submission is gone"))
    result, report = submission.result, None
    if result.revision != stored.revision:
        outcome = judge_blocking(service, submission_task(service, stored, submission))
        if isinstance(outcome, Stopped):
            return RegradedItem(refused_item(item, reason_of(outcome)))
        if isinstance(outcome, Refusal):  # its shapes no longer fit the problem
            result = result_of_refusal(stored, reason_of(outcome))
        else:
            judged, report = records_of(stored, submission, outcome, service.now())
            assert judged.result is not None
            result = judged.result
    change = {**(item.change or {}), "after": _outcome(result)}
    changed = change if change["after"] != change.get("before") else None
    item = replace(
        item, state=ItemState.JUDGED, verdict=result.verdict, refusal=result.refusal, change=changed
    )
    return RegradedItem(item, result, report)


def get_regrade(
    service: Service,
    stored: StoredAssignment,
    job_id: str,
    kinds: Collection[BatchKind] = (BatchKind.REGRADE,),
) -> StoredBatch:
    """Return a job of an assignment. Raise ProblemError 404 for any other."""
    batch = service.repository.batches.find(job_id) if is_id(job_id) else None
    if batch is None or batch.kind not in kinds or batch.assignment != stored.id:
        raise not_found("regrade")
    return batch


def regrade_document(service: Service, stored: StoredAssignment, batch: StoredBatch) -> dict[str, Any]:
    """Return a job as JSON: how far it is, what came out otherwise, and what could not be judged."""
    progress = service.repository.batches.progress(batch.id)
    notable = service.repository.batches.notable_items(batch.id)
    return {
        **progress_document(batch, progress),
        "revision": stored.revision,
        "judged": progress.states[ItemState.JUDGED],
        "changes": [_change(item) for item in notable if item.state is ItemState.JUDGED],
        "refused": [
            {"submission": item.submission, "student": item.source, "reason": item.refusal}
            for item in notable
            if item.state is ItemState.REFUSED
        ],
    }


def outcome_line(item: BatchItem) -> bytes:
    """Return the outcome of an item as a line of NDJSON."""
    document = {
        "index": item.index,
        "submission": item.submission,
        "student": item.source,
        "state": str(item.state),
        "verdict": item.verdict,
        "refusal": item.refusal or None,
        "changed": item.change is not None,
    }
    return to_json(document).encode() + b"\n"


def _change(item: BatchItem) -> dict[str, Any]:
    change: Mapping[str, Any] = item.change or {}
    return {
        "submission": item.submission,
        "student": item.source,
        "attempt": change["attempt"],
        "before": change["before"],
        "after": change["after"],
    }


def _before(submission: StoredSubmission) -> dict[str, Any]:
    assert submission.result is not None
    return {"attempt": submission.attempt, "before": _outcome(submission.result)}


def _outcome(result: SubmissionResult) -> dict[str, Any]:
    return {"verdict": result.verdict, "earned": result.earned, "worth": result.worth}
