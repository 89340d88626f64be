"""One item of a batch judged: what is kept of it, and where."""

from dataclasses import replace
from hashlib import sha256

from sqlalchemy.exc import IntegrityError

from api.service import Service, new_id
from api.services.submissions import closed, no_attempt_left, records_of, task_for
from api.storage.records import (
    Batch,
    BatchItem,
    ItemState,
    Result,
    StoredAssignment,
    StoredReport,
    StoredSubmission,
)
from api.workers.protocol import Judged, Outcome, Refused, Stopped, Task

_MOST_MISTAKES = 20
_LONGEST = 10_000  # characters of a refusal


def judge_item(
    service: Service, batch: Batch, stored: StoredAssignment | None, item: BatchItem
) -> tuple[BatchItem, StoredReport | None]:
    """Judge an item. Gives it as it came out, and the report to keep with it, where not kept already."""
    if stored is not None:
        return _submitted(service, batch, stored, item), None
    task = Task(
        item.content,
        item.declared,
        oracles=service.settings.oracle_names,
        store=True,
        bounds=service.settings.bounds,
        tolerance=service.settings.preset,
    )
    outcome = _outcome(service, task)
    if not isinstance(outcome, Judged):
        return refused(item, _reason(outcome)), None
    digest = sha256(outcome.document).hexdigest()
    report = StoredReport(new_id(), batch.owner, None, None, outcome.document, b"", digest, service.now())
    verdict = outcome.findings.verdict
    return replace(item, state=ItemState.JUDGED, report=report.id, verdict=verdict), report


def refused(item: BatchItem, reason: str) -> BatchItem:
    """Give an item as one that there is no report of, and why."""
    return replace(item, state=ItemState.REFUSED, refusal=reason[:_LONGEST])


def _submitted(service: Service, batch: Batch, stored: StoredAssignment, item: BatchItem) -> BatchItem:
    """Judge an item as its student's submission, and keep that.

    The submission's id follows from the item, so of two workers at one item the database lets one through,
    and a worker that comes after one that died finds what that one kept.
    """
    store = service.repository.submissions
    name = sha256(f"{item.batch}:{item.index}".encode()).hexdigest()[:32]
    found = store.find(name)
    if found is not None and found.result is not None:
        return _judged(item, found.result)
    assignment = stored.assignment
    if not assignment.open_at(batch.created):
        return refused(item, closed(stored))
    made = store.count(stored.id, item.source)
    if assignment.attempts is not None and made >= assignment.attempts:
        return refused(item, no_attempt_left(assignment.attempts))
    submission = StoredSubmission(name, stored.id, item.source, 0, batch.created, item.declared, item.content)
    begun = service.now()
    outcome = _outcome(service, task_for(service, stored, submission))
    if not isinstance(outcome, Judged):
        return refused(item, _reason(outcome))
    result, report = records_of(stored, submission, outcome, begun)
    try:
        attempt = store.add(replace(submission, result=result), report, assignment.attempts)
    except IntegrityError:
        attempt = None
    if attempt is not None:
        return _judged(item, result)
    found = store.find(name)  # another worker kept it meanwhile, unless the student used the last attempt
    if found is not None and found.result is not None:
        return _judged(item, found.result)
    return refused(item, no_attempt_left(assignment.attempts or 0))


def _outcome(service: Service, task: Task) -> Outcome:
    outcome = service.pool.judge_sync(task)
    service.metrics.count_outcome(outcome)
    return outcome


def _judged(item: BatchItem, result: Result) -> BatchItem:
    return replace(item, state=ItemState.JUDGED, report=result.report, verdict=result.verdict)


def _reason(outcome: Refused | Stopped) -> str:
    if isinstance(outcome, Stopped):
        return f"judging was stopped: {outcome.reason}"
    shown = outcome.mistakes[:_MOST_MISTAKES]
    lines = [mistake.sentence for mistake in shown]
    rest = len(outcome.mistakes) - len(shown)
    return "\n".join(lines + ([f"and {rest} more mistakes"] if rest else []))
