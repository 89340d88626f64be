"""A worker: it takes chunks from the work queue and judges them, until it is stopped.

Every two seconds, each worker enqueues chunks that are not in the queue, and recovers the chunks of workers
that have died.
"""

import signal
from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from datetime import timedelta
from itertools import count
from secrets import token_hex
from socket import gethostname
from threading import Condition, Event, Lock, Thread
from time import monotonic
from typing import Any

import structlog

from api.batches.judging import judge_chunk, refuse_chunk
from api.http.middleware import log_as_json
from api.service import Service
from api.settings import read_settings
from api.storage.database import masked_url, read_url
from api.storage.records import StoredBatch
from api.storage.work_queue import (
    APPLICATION,
    QUEUE,
    VERSION,
    WORKFLOW,
    Chunk,
    WorkQueue,
    chunks_of,
    refuse_pickles,
    silence_dbos,
    system_database,
)

SILENCE = timedelta(seconds=10)  # a worker without a heartbeat for so long has died
_CENTURY = timedelta(days=36_500)
_FAILED = frozenset({"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})
_PRUNING_INTERVAL = 30  # rounds of maintenance
_MAINTENANCE_INTERVAL = 2.0  # seconds
_POLLING_INTERVAL = 0.3  # seconds between two reads of the queue
_CHUNKS_OF_OWNER = 2  # at once, so that no process is idle at the end of a chunk
_CONCURRENT_CHUNKS = 16  # so that eight owners' batches take turns
_JOIN_TIMEOUT = 10.0  # seconds to wait for a maintenance thread that waits for a database
_MOST_ATTEMPTS = 50  # at a chunk, before it is given up
_RUNNING = Lock()  # DBOS has one instance per process


def run_batch_worker(name: str | None, database_url: str | None) -> None:
    """Judge batches until SIGTERM or SIGINT. Submissions that are being judged are finished first."""
    settings = read_settings(database_url=database_url)
    log_as_json(settings.log_level)
    shutdown = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: shutdown.set())
    service = Service(settings)
    try:
        service.start()
        worker = BatchWorker(service, name)
        worker.start()
        try:
            shutdown.wait()
        finally:
            worker.stop()
    finally:
        service.stop()


class BatchWorker:
    """A worker runs from `start` to `stop`, one at a time in a process.

    name: a prefix of its id, for logs. Each worker has a new id.
    """

    def __init__(self, service: Service, name: str | None = None) -> None:
        self.id = f"{(name or gethostname())[:100]}-{token_hex(6)}"
        self._service = service
        self._stopping = Event()
        self._changed = Condition()
        self._active: set[str] = set()  # workflows
        self._missing: frozenset[str] = frozenset()
        self._maintenance = Thread(target=self._maintain, name="maintenance", daemon=True)

    def start(self) -> None:
        """Start to take work. Raise RuntimeError if this process already has a worker."""
        if not _RUNNING.acquire(blocking=False):
            raise RuntimeError("one worker a process")
        try:
            self._launch()
        except BaseException:
            _RUNNING.release()
            raise
        self._maintenance.start()
        settings = self._service.settings
        database = masked_url(settings.database_url)
        _log().info("worker ready", worker=self.id, processes=settings.processes, database=database)

    def stop(self) -> None:
        """Finish the items that are being judged, leave the rest to other workers, and end."""
        from dbos import DBOS  # deferred import: takes most of a second

        self._stopping.set()
        _log().info("worker stopping", worker=self.id, chunks=len(self._active))
        self._maintenance.join(_JOIN_TIMEOUT)
        with self._changed:
            self._changed.wait_for(lambda: not self._active)
        DBOS.destroy(destroy_registry=True)
        try:
            self._service.repository.workers.remove(self.id)  # its work is recovered at once
        except Exception as error:
            _log().warning("could not sign off", worker=self.id, error=type(error).__name__)
        _RUNNING.release()
        _log().info("worker stopped", worker=self.id)

    def _launch(self) -> None:
        silence_dbos()
        refuse_pickles()
        from dbos import DBOS, DBOSPortableJSONSerializer  # deferred import: takes most of a second

        url = system_database(read_url(self._service.settings.database_url))
        self._service.repository.workers.record_heartbeat(self.id, self._service.now())
        DBOS(
            config={
                "name": APPLICATION,
                "application_version": VERSION,
                "executor_id": self.id,
                "system_database_url": url,
                "sys_db_pool_size": 5,
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "WARNING",
            }
        )

        @DBOS.workflow(name=WORKFLOW)
        def judge(batch: str, first: int, last: int, attempt: int) -> None:
            self._judge(Chunk(batch, first, last, attempt))

        try:
            DBOS.launch()
            DBOS.register_queue(
                QUEUE,
                worker_concurrency=_CONCURRENT_CHUNKS,
                partition_worker_concurrency=_CHUNKS_OF_OWNER,
                polling_interval_sec=_POLLING_INTERVAL,
                on_conflict="always_update",
            )
        except BaseException:
            DBOS.destroy(destroy_registry=True)
            raise

    def _judge(self, chunk: Chunk) -> None:
        with self._changed:
            self._active.add(chunk.workflow)
        begun, outcome = monotonic(), "left to another worker"
        try:
            judge_chunk(self._service, chunk, self._stopping)
            outcome = "finished"
        finally:
            where = {"batch": chunk.batch, "first": chunk.first, "last": chunk.last, "attempt": chunk.attempt}
            _log().info(
                "chunk", worker=self.id, outcome=outcome, seconds=round(monotonic() - begun, 3), **where
            )
            with self._changed:
                self._active.discard(chunk.workflow)
                self._changed.notify_all()

    def _has_unfinished_claims(self, claimed: Set[str]) -> bool:
        """True if the queue assigns a chunk to this worker that was not active now and at the last call.

        That happens if the connection is lost just after a claim.
        """
        with self._changed:
            missing = frozenset(claimed - self._active)
        has_unfinished_claims = bool(missing & self._missing)
        self._missing = missing
        return has_unfinished_claims

    def _maintain(self) -> None:
        queue: WorkQueue | None = None
        for round_number in count():
            try:
                self._service.repository.workers.record_heartbeat(self.id, self._service.now())
                queue = queue or WorkQueue(self._service.settings.database_url)
                maintain_queue(self._service, queue, self.id, self._has_unfinished_claims)
                if round_number % _PRUNING_INTERVAL == 0:
                    queue.prune([batch.id for batch in self._service.repository.batches.unfinished()])
            except Exception as error:  # most likely the database is unreachable: try again
                _log().warning("maintenance failed", worker=self.id, error=type(error).__name__)
            if self._stopping.wait(_MAINTENANCE_INTERVAL):
                break
        if queue is not None:
            queue.close()


def _log() -> Any:
    return structlog.get_logger("gradjury.worker")


def maintain_queue(
    service: Service, queue: WorkQueue, worker_id: str, has_unfinished_claims: Callable[[Set[str]], bool]
) -> Sequence[str]:
    """Enqueue chunks that are not in the queue, and those of dead workers once more. Return the dead ones.

    worker_id: the worker that calls this.
    has_unfinished_claims: whether that worker has lost some of the workflows that the queue assigns to it.
    """
    claimed: defaultdict[str, list[tuple[StoredBatch, Chunk]]] = defaultdict(list)
    for batch in service.repository.batches.unfinished():
        states = queue.states(batch)
        for chunk in chunks_of(batch):
            state = states.get(chunk.first)
            if state is None:
                queue.put(batch, chunk)
            elif state.status in _FAILED:  # somebody cancelled it by hand
                refuse_chunk(service, chunk, f"the service gave it up: {state.status.lower()}")
            elif state.status == "PENDING" and state.executor is not None:
                claimed[state.executor].append((batch, replace(chunk, attempt=state.attempt)))
    # read after the claims: a worker records a heartbeat before it claims its first chunk
    workers, now = service.repository.workers, service.now()
    silent = set(workers.silent_since(now - SILENCE))
    alive = set(workers.silent_since(now + _CENTURY)) - silent
    dead = set(claimed) - alive - {worker_id}
    if has_unfinished_claims({chunk.workflow for _, chunk in claimed[worker_id]}):
        dead.add(worker_id)
    for worker in sorted(dead):
        _log().warning("chunks of another worker taken up", silent=worker, chunks=len(claimed[worker]))
        for batch, chunk in claimed[worker]:
            if chunk.attempt + 1 < _MOST_ATTEMPTS:
                queue.put_again(batch, chunk)
            else:
                refuse_chunk(service, chunk, f"the service gave it up after {_MOST_ATTEMPTS} attempts")
    for worker in silent - {worker_id}:
        workers.remove(worker)
    return sorted(dead)
