"""The durable queue of chunks: DBOS's tables, beside ours."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import connect

from sqlalchemy import URL

from api.batches.chunks import Chunk, chunks_of, prefix_of
from api.storage.database import read_url
from api.storage.records import Batch

APPLICATION = "gradjury"
QUEUE = "batches"
WORKFLOW = "judge_chunk"
VERSION = "1"  # of what a chunk's workflow is given; workers take up work of their own version alone


@dataclass(frozen=True, slots=True)
class ChunkState:
    """What the queue knows of a chunk's workflow. executor: who has it in work, or had it last."""

    status: str
    executor: str | None


class WorkQueue:
    """Chunks put in line, and where each stands. Raises what the database raises, at once."""

    def __init__(self, database_url: str) -> None:
        quiet()
        from dbos import DBOS, DBOSClient

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
        """Put a chunk in line, unless it ever was."""
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

    def put_batch(self, batch: Batch) -> None:
        for chunk in chunks_of(batch):
            self.put(chunk)

    def states(self, batch: Batch) -> Mapping[str, ChunkState]:
        """Give the state of a batch's chunks that ever were in line, by the ids of their workflows."""
        found = self._client.list_workflows(
            workflow_id_prefix=prefix_of(batch.id), load_input=False, load_output=False
        )
        return {each.workflow_id: ChunkState(each.status, each.executor_id) for each in found}

    def close(self) -> None:
        self._client.destroy()


def quiet() -> None:
    """Leave DBOS's log to whoever configures logging; by itself it writes to standard error."""
    log = logging.getLogger("dbos")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
        log.setLevel(logging.WARNING)


def system_database(url: URL) -> str:
    """Give the URL of DBOS's tables: a schema in the same Postgres, or a file beside SQLite's."""
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        beside = file.with_name(f"{file.stem}.work{file.suffix}")
        _prepare(beside)
        return f"sqlite:///{beside}"
    return url.render_as_string(hide_password=False)


def _prepare(file: Path) -> None:
    connection = connect(file, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode=WAL")  # stays with the file: readers do not wait for writers
    finally:
        connection.close()
