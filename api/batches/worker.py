"""A worker: takes chunks from the durable queue and judges them, until it is stopped."""

import logging
from collections.abc import Set
from secrets import token_hex
from socket import gethostname
from threading import Condition, Event, Lock, Thread

from api.batches.chunk_judging import judge_chunk
from api.batches.rounds import look_after
from api.service import Service
from api.storage.database import read_url
from api.storage.work_queue import (
    APPLICATION,
    QUEUE,
    VERSION,
    WORKFLOW,
    Chunk,
    WorkQueue,
    silence_dbos,
    system_database,
)

_BEAT = 2.0  # seconds between two rounds
_POLL = 0.3  # seconds between two looks into the queue
_CHUNKS = 2  # at a time, so that no judging process waits for the end of a chunk
_PATIENCE = 10.0  # seconds that the end waits for a round that waits for a database
_MOST_DEATHS = 50  # of workers at one chunk, before it is given up
_LOG = logging.getLogger("gradjury")
_ONE = Lock()  # DBOS is one for a process


class Worker:
    """Works from `start` to `stop`; one at a time in a process.

    name: what it is called by in logs; its id is new each time, so that no two are ever taken for one.
    """

    def __init__(self, service: Service, name: str | None = None) -> None:
        self.id = f"{(name or gethostname())[:100]}-{token_hex(6)}"
        self._service = service
        self._stopping = Event()
        self._working = Condition()
        self._at_work: set[str] = set()
        self._missing: frozenset[str] = frozenset()
        self._rounds = Thread(target=self._go_round, name="rounds", daemon=True)

    def start(self) -> None:
        """Begin to take work. Raises: RuntimeError where another worker of this process is at it."""
        if not _ONE.acquire(blocking=False):
            raise RuntimeError("one worker a process")
        try:
            self._launch()
        except BaseException:
            _ONE.release()
            raise
        self._rounds.start()

    def stop(self) -> None:
        """Finish the items in work, leave the rest to others, and end."""
        from dbos import DBOS

        self._stopping.set()
        self._rounds.join(_PATIENCE)
        with self._working:
            self._working.wait_for(lambda: not self._at_work)
        DBOS.destroy(destroy_registry=True)
        try:
            self._service.repository.workers.remove(self.id)  # so that nobody waits for its silence
        except Exception as error:
            _LOG.warning("could not sign off: %s", type(error).__name__)
        _ONE.release()

    def _launch(self) -> None:
        silence_dbos()
        from dbos import DBOS

        url = system_database(read_url(self._service.settings.database_url))
        self._service.repository.workers.record_heartbeat(self.id, self._service.now())
        DBOS(
            config={
                "name": APPLICATION,
                "application_version": VERSION,
                "executor_id": self.id,
                "system_database_url": url,
                "sys_db_pool_size": 5,
                "log_level": "WARNING",
            }
        )

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=_MOST_DEATHS)
        def judge(batch: str, first: int, last: int) -> None:
            self._judge(Chunk(batch, first, last))

        try:
            DBOS.launch()
            DBOS.register_queue(
                QUEUE, worker_concurrency=_CHUNKS, polling_interval_sec=_POLL, on_conflict="always_update"
            )
        except BaseException:
            DBOS.destroy(destroy_registry=True)
            raise

    def _judge(self, chunk: Chunk) -> None:
        with self._working:
            self._at_work.add(chunk.workflow)
        try:
            judge_chunk(self._service, chunk, self._stopping)
        finally:
            with self._working:
                self._at_work.discard(chunk.workflow)
                self._working.notify_all()

    def _astray(self, claimed: Set[str]) -> bool:
        """Whether some chunk is this worker's by the queue and not in work here, in this round and the last.

        That comes of a connection lost just when a claim was made.
        """
        with self._working:
            missing = frozenset(claimed - self._at_work)
        again = bool(missing & self._missing)
        self._missing = missing
        return again

    def _go_round(self) -> None:
        from dbos import DBOS

        queue: WorkQueue | None = None
        while True:
            try:
                self._service.repository.workers.record_heartbeat(self.id, self._service.now())
                queue = queue or WorkQueue(self._service.settings.database_url)
                gone = look_after(self._service, queue, self.id, self._astray)
                if gone:
                    DBOS._recover_pending_workflows(list(gone))
            except Exception as error:  # the database is away, most likely; the next round tries again
                _LOG.warning("%s in a worker's round", type(error).__name__)
            if self._stopping.wait(_BEAT):
                break
        if queue is not None:
            queue.close()
