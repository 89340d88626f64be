"""The durable queue of batches: chunks of a batch as DBOS workflows, in the database of the service.

Arguments are stored as JSON. DBOS would unpickle a row that says it is pickled, so loading a class is refused
to it: whoever can write a row must not be able to run code.
"""

import inspect
import logging
import sqlite3
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from sqlalchemy import URL

from api.storage.database import UnusableDatabaseError, protect_file, read_url
from api.storage.records import StoredBatch

APPLICATION = "gradjury"
QUEUE = "batches"
WORKFLOW = "judge_chunk"
VERSION = "2"  # of the workflow's arguments; a worker takes only work of its own version

_LARGEST_CHUNK = 20  # submissions: the bookkeeping of a workflow is cheap compared with judging that many
_FEWEST_CHUNKS = 8  # so that workers can share a small batch
_MOST_DELETED = 500  # workflows at a time
_OLDEST_SQLITE = (3, 42) if sys.version_info >= (3, 12) else (3, 24)
_UNPICKLER = "dbos._serialization"
_LOAD_CLASS = "pickle.find_class"  # an audit event of Python


@dataclass(frozen=True, slots=True)
class Chunk:
    """The items of a batch with first <= index < last. attempt: counts the workers that died of it."""

    batch: str
    first: int
    last: int
    attempt: int = 0

    @property
    def workflow(self) -> str:
        """Id of the chunk's workflow, the same in every process."""
        return f"{_workflow_prefix(self.batch)}{self.first}-{self.attempt}"

    def again(self) -> "Chunk":
        """Return the chunk for another worker."""
        return replace(self, attempt=self.attempt + 1)


def chunks_of(batch: StoredBatch) -> Sequence[Chunk]:
    """Divide a batch into chunks. Only its size counts, so every process gets the same chunks."""
    size = max(1, min(_LARGEST_CHUNK, -(-batch.total // _FEWEST_CHUNKS)))
    starts = range(0, batch.total, size)
    return [Chunk(batch.id, first, min(first + size, batch.total)) for first in starts]


def _workflow_prefix(batch_id: str) -> str:
    return f"batch-{VERSION}-{batch_id}-"


@dataclass(frozen=True, slots=True)
class ChunkState:
    """The state of a chunk's last workflow. executor: the worker that runs it, or ran it last."""

    status: str
    executor: str | None
    attempt: int


class WorkQueue:
    """A client of the queue. Errors of the database are raised at once, without retries."""

    def __init__(self, database_url: str) -> None:
        silence_dbos()
        refuse_pickles()
        from dbos import (  # deferred import: takes most of a second
            DBOS,
            DBOSClient,
            DBOSPortableJSONSerializer,
        )

        url = system_database(read_url(database_url))
        DBOS.migrate(url)
        self._client = DBOSClient(
            system_database_url=url,
            system_database_pool_size=2,
            application_name=APPLICATION,
            serializer=DBOSPortableJSONSerializer(),
            lazy=True,
            retry_connection_errors=False,
        )

    def put(self, batch: StoredBatch, chunk: Chunk) -> None:
        """Enqueue a chunk, unless it was enqueued before.

        Owners of batches take turns, and so do the batches of an owner: their first chunks come first.
        """
        self._client.enqueue(
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": chunk.workflow,
                "app_version": VERSION,
                "queue_partition_key": batch.owner,
                "priority": 1 + chunk.first // _LARGEST_CHUNK,
            },
            chunk.batch,
            chunk.first,
            chunk.last,
            chunk.attempt,
        )

    def put_batch(self, batch: StoredBatch) -> None:
        """Enqueue all chunks of a batch."""
        for chunk in chunks_of(batch):
            self.put(batch, chunk)

    def put_again(self, batch: StoredBatch, chunk: Chunk) -> None:
        """Enqueue a chunk for another worker, because the one that had it died or lost it."""
        self.put(batch, chunk.again())
        self._client.cancel_workflow(chunk.workflow)

    def states(self, batch: StoredBatch) -> Mapping[int, ChunkState]:
        """Return the states of a batch's enqueued chunks, by the index of their first item."""
        workflows = self._client.list_workflows(
            workflow_id_prefix=_workflow_prefix(batch.id), load_input=False, load_output=False
        )
        states: dict[int, ChunkState] = {}
        for row in workflows:
            first, attempt = map(int, row.workflow_id.split("-")[-2:])
            if first not in states or states[first].attempt < attempt:
                states[first] = ChunkState(row.status, row.executor_id, attempt)
        return states

    def prune(self, unfinished: Collection[str]) -> int:
        """Delete workflows that have ended, except those of unfinished batches. Return their number."""
        rows = self._client.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            queue_name=QUEUE,
            limit=_MOST_DELETED,
            load_input=False,
            load_output=False,
        )
        kept = {_workflow_prefix(batch) for batch in unfinished}
        ended = [row.workflow_id for row in rows if f"{row.workflow_id.rsplit('-', 2)[0]}-" not in kept]
        if ended:
            self._client.delete_workflows(ended)
        return len(ended)

    def close(self) -> None:
        self._client.destroy()


def check_sqlite(url: URL) -> None:
    """Raise UnusableDatabaseError where DBOS's tables cannot be used in SQLite.

    With Python 3.12 it takes times from unixepoch('subsec'), which is NULL before SQLite 3.42.
    """
    if url.get_backend_name() == "sqlite" and sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        oldest = ".".join(map(str, _OLDEST_SQLITE))
        python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        rule = (
            f"with {python} the service needs SQLite {oldest} or later, and here is {sqlite3.sqlite_version}"
        )
        raise UnusableDatabaseError(f"{rule}; take Python 3.11, or Postgres: --database-url postgresql://…")


def silence_dbos() -> None:
    """Send DBOS's log only to handlers that the application configures; by default it goes to stderr."""
    log = logging.getLogger("dbos")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
        log.setLevel(logging.WARNING)


@cache
def refuse_pickles() -> None:
    """Refuse to load classes to DBOS, from now on in this process."""
    sys.addaudithook(_refuse_to_load)


def _refuse_to_load(event: str, _: object) -> None:
    if event != _LOAD_CLASS:
        return
    frame = inspect.currentframe()
    caller = None if frame is None else frame.f_back
    if caller is not None and caller.f_globals.get("__name__") == _UNPICKLER:
        raise RuntimeError("a row of the work queue is pickled; this service writes JSON alone")


def system_database(url: URL) -> str:
    """Return the URL of DBOS's tables: a schema in the same Postgres, or the same SQLite file."""
    protect_file(url)
    return url.render_as_string(hide_password=False)
