"""What every worker looks after: chunks nobody put in line, and those whose worker is gone."""

from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from datetime import timedelta

from api.batches.chunk_judging import refuse_chunk
from api.service import Service
from api.storage.work_queue import WorkQueue, chunks_of

SILENCE = timedelta(seconds=10)  # after which a worker counts as gone
_ALWAYS = timedelta(days=36_500)
_GIVEN_UP = frozenset({"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})


def look_after(
    service: Service, queue: WorkQueue, own: str, astray: Callable[[Set[str]], bool]
) -> Sequence[str]:
    """Put in line what was stored and not enqueued; give the workers whose work is to be recovered.

    own: the worker that goes round. astray: whether chunks that are its by the queue got lost on the way.
    """
    claimed: defaultdict[str, set[str]] = defaultdict(set)
    for batch in service.repository.batches.unfinished():
        states = queue.states(batch)
        for chunk in chunks_of(batch):
            state = states.get(chunk.workflow)
            if state is None:
                queue.put(chunk)
            elif state.status in _GIVEN_UP:  # its workers died too often, or somebody cancelled it by hand
                refuse_chunk(service, chunk, f"the service gave it up: {state.status.lower()}")
            elif state.status == "PENDING" and state.executor is not None:
                claimed[state.executor].add(chunk.workflow)
    # workers are asked for after their work: one that takes work has been heard of before
    workers, now = service.repository.workers, service.now()
    silent = set(workers.silent_since(now - SILENCE))
    alive = set(workers.silent_since(now + _ALWAYS)) - silent
    gone = set(claimed) - alive - {own}
    if astray(claimed[own]):
        gone.add(own)
    for worker in silent - {own}:
        workers.remove(worker)
    return sorted(gone)
