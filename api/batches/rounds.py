"""What every worker looks after: chunks nobody put in line, and those whose worker is gone."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from api.batches.chunk_judging import refuse_chunk
from api.batches.chunks import chunks_of
from api.batches.work_queue import WorkQueue
from api.service import Service

SILENCE = timedelta(seconds=10)  # after which a worker counts as gone
_ALWAYS = timedelta(days=36_500)
_GIVEN_UP = frozenset({"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})


def look_after(service: Service, queue: WorkQueue, recover: Callable[[Sequence[str]], object]) -> None:
    """Put in line what was stored and not enqueued; have recovered what workers that are gone had in work."""
    at_work: set[str] = set()
    for batch in service.repository.batches.unfinished():
        states = queue.states(batch)
        for chunk in chunks_of(batch):
            state = states.get(chunk.workflow)
            if state is None:
                queue.put(chunk)
            elif state.status in _GIVEN_UP:  # its workers died too often, or somebody cancelled it by hand
                refuse_chunk(service, chunk, f"the service gave it up: {state.status.lower()}")
            elif state.status == "PENDING" and state.executor is not None:
                at_work.add(state.executor)
    # workers are asked for after their work: one that takes work has been heard of before
    workers, now = service.repository.workers, service.now()
    silent = set(workers.silent_since(now - SILENCE))
    alive = set(workers.silent_since(now + _ALWAYS)) - silent
    gone = sorted(at_work - alive)
    if gone:
        recover(gone)
    for worker in silent:
        workers.forget(worker)
