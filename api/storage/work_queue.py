"""The durable queue of batches: chunks of a batch as DBOS workflows, in DBOS's own tables."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import connect

from sqlalchemy import URL

from api.storage.database import read_url
from api.storage.records import StoredBatch

APPLICATION = "gradjury"
QUEUE = "batches"
WORKFLOW = "judge_chunk"
VERSION = "1"  # of the workflow's arguments; a worker takes only work of its own version

_LARGEST_CHUNK = 20  # submissions: the bookkeeping of a workflow is cheap compared with judging that many
_FEWEST_CHUNKS = 8  # so that workers can share a small batch


@dataclass(frozen=True, slots=True)
class Chunk:
    """The items of a batch with first <= index < last."""

    batch: str
    first: int
    last: int

    @property
    def workflow(self) -> str:
        """Id of the chunk's workflow, the same in every process."""
        return f"{_workflow_prefix(self.batch)}{self.first}"


def chunks_of(batch: StoredBatch) -> Sequence[Chunk]:
    """Divide a batch into chunks. Only its size counts, so every process gets the same chunks."""
    size = max(1, min(_LARGEST_CHUNK, -(-batch.total // _FEWEST_CHUNKS)))
    starts = range(0, batch.total, size)
    return [Chunk(batch.id, first, min(first + size, batch.total)) for first in starts]


def _workflow_prefix(batch_id: str) -> str:
    return f"batch-{batch_id}-"


@dataclass(frozen=True, slots=True)
class ChunkState:
    """The state of a chunk's workflow. executor: the worker that runs it, or ran it last."""

    status: str
    executor: str | None


class WorkQueue:
    """A client of the queue. Errors of the database are raised at once, without retries."""

    def __init__(self, database_url: str) -> None:
        silence_dbos()
        from dbos import DBOS, DBOSClient  # deferred import: takes most of a second

        url = system_database(read_url(database_url))
        DBOS.migrate(url)
        self._client = DBOSClient(
            system_database_url=url,
            system_database_pool_size=2,
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )

    def put(self, chunk: Chunk) -> None:
        """Enqueue a chunk, unless it was enqueued before."""
        self._client.enqueue(
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": chunk.workflow,
                "app_version": VERSION,
            },
            chunk.batch,
            chunk.first,
            chunk.last,
        )

    def put_batch(self, batch: StoredBatch) -> None:
        """Enqueue all chunks of a batch."""
        for chunk in chunks_of(batch):
            self.put(chunk)

    def states(self, batch: StoredBatch) -> Mapping[str, ChunkState]:
        """Return the states of a batch's enqueued chunks, by workflow id."""
        workflows = self._client.list_workflows(
            workflow_id_prefix=_workflow_prefix(batch.id), load_input=False, load_output=False
        )
        return {row.workflow_id: ChunkState(row.status, row.executor_id) for row in workflows}

    def close(self) -> None:
        self._client.destroy()


def silence_dbos() -> None:
    """Send DBOS's log only to handlers that the application configures; by default it goes to stderr."""
    log = logging.getLogger("dbos")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
        log.setLevel(logging.WARNING)


def system_database(url: URL) -> str:
    """Return the URL of DBOS's tables: a schema in the same Postgres, or a second SQLite file."""
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        work_file = file.with_name(f"{file.stem}.work{file.suffix}")
        _use_wal(work_file)
        return f"sqlite:///{work_file}"
    return url.render_as_string(hide_password=False)


def _use_wal(file: Path) -> None:
    connection = connect(file, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode=WAL")  # persistent: readers do not wait for writers
    finally:
        connection.close()
