"""Store batches, and the heartbeats of the workers that judge them, in SQL.

An item is finished once: a second outcome for it is not stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from api.storage import tables
from api.storage.records import (
    AssignmentGoneError,
    BatchItem,
    BatchKind,
    ItemState,
    Progress,
    RegradedItem,
    StoredBatch,
    StoredReport,
)
from api.storage.submissions import add_report, lock_assignment, replace_results
from verifier.report.verdict import Verdict

_BATCH = tables.batches.c
_ITEM = tables.batch_items.c
_WORKER = tables.workers.c
_WITHOUT_CONTENT = [column for column in tables.batch_items.c if column.name != "content"]


@dataclass(frozen=True, slots=True)
class SqlBatches:
    engine: Engine

    def add(self, batch: StoredBatch, items: Sequence[BatchItem]) -> None:
        columns = ("id", "owner", "assignment", "kind", "total", "created", "cancelled")
        rows = [_columns(item) | {"content": item.content, "declared": item.declared} for item in items]
        with self.engine.begin() as connection:
            connection.execute(
                insert(tables.batches).values({column: getattr(batch, column) for column in columns})
            )
            if rows:
                connection.execute(insert(tables.batch_items), rows)

    def find(self, batch_id: str) -> StoredBatch | None:
        with self.engine.connect() as connection:
            row = connection.execute(select(tables.batches).where(_BATCH.id == batch_id)).first()
        return None if row is None else _batch(row)

    def list(self, owner: str, most: int) -> Sequence[StoredBatch]:
        query = select(tables.batches).where((_BATCH.owner == owner) & (_BATCH.kind == BatchKind.SUBMISSIONS))
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(_BATCH.created.desc(), _BATCH.id).limit(most))
            return [_batch(row) for row in rows]

    def unfinished(self) -> Sequence[StoredBatch]:
        open_item = exists().where((_ITEM.batch == _BATCH.id) & (_ITEM.state == ItemState.PENDING))
        query = select(tables.batches).where(open_item).order_by(_BATCH.created, _BATCH.id)
        with self.engine.connect() as connection:
            return [_batch(row) for row in connection.execute(query)]

    def progress(self, batch_id: str) -> Progress:
        states: dict[ItemState, int] = dict.fromkeys(ItemState, 0)
        verdicts: dict[Verdict, int] = {}
        query = select(_ITEM.state, _ITEM.verdict, func.count()).where(_ITEM.batch == batch_id)
        with self.engine.connect() as connection:
            rows = connection.execute(query.group_by(_ITEM.state, _ITEM.verdict)).all()
        for state, verdict, count in rows:
            states[ItemState(state)] += count
            if verdict is not None:
                verdicts[Verdict(verdict)] = verdicts.get(Verdict(verdict), 0) + count
        return Progress(states, verdicts)

    def pending(self, batch_id: str, first: int, last: int) -> Sequence[BatchItem]:
        in_range = (_ITEM.batch == batch_id) & (_ITEM.index >= first) & (_ITEM.index < last)
        query = select(tables.batch_items).where(in_range & (_ITEM.state == ItemState.PENDING))
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(_ITEM.index))
            return [_item(row, bytes(row.content)) for row in rows]

    def finish(self, item: BatchItem, report: StoredReport | None) -> bool:
        this_item = (_ITEM.batch == item.batch) & (_ITEM.index == item.index)
        statement = update(tables.batch_items).where(this_item & (_ITEM.state == ItemState.PENDING))
        with self.engine.begin() as connection:
            if report is not None:
                add_report(connection, report)
            if connection.execute(statement.values(_columns(item) | {"content": b""})).rowcount == 0:
                connection.rollback()
                return False
        return True

    def finish_regrades(self, assignment_id: str, outcomes: Sequence[RegradedItem]) -> None:
        rows = [_outcome(outcome.item) for outcome in outcomes]
        if not rows:
            return
        this_item = (_ITEM.batch == bindparam("this_batch")) & (_ITEM.index == bindparam("this_index"))
        statement = update(tables.batch_items).where(this_item & (_ITEM.state == ItemState.PENDING))
        with self.engine.begin() as connection:
            try:
                lock_assignment(connection, assignment_id)  # whoever deletes these rows takes it first
            except AssignmentGoneError:
                return
            replace_results(connection, outcomes)
            connection.execute(statement, rows)

    def items(self, batch_id: str, after: int, most: int) -> Sequence[BatchItem]:
        finished = (_ITEM.batch == batch_id) & (_ITEM.index > after) & (_ITEM.state != ItemState.PENDING)
        query = select(*_WITHOUT_CONTENT).where(finished).order_by(_ITEM.index).limit(most)
        with self.engine.connect() as connection:
            return [_item(row, b"") for row in connection.execute(query)]

    def notable_items(self, batch_id: str) -> Sequence[BatchItem]:
        changed = (_ITEM.state == ItemState.JUDGED) & _ITEM.change.is_not(None)
        notable = (_ITEM.batch == batch_id) & (changed | (_ITEM.state == ItemState.REFUSED))
        with self.engine.connect() as connection:
            rows = connection.execute(select(*_WITHOUT_CONTENT).where(notable).order_by(_ITEM.index))
            return [_item(row, b"") for row in rows]

    def cancel(self, batch_id: str, moment: datetime) -> None:
        open_items = (_ITEM.batch == batch_id) & (_ITEM.state == ItemState.PENDING)
        with self.engine.begin() as connection:
            connection.execute(
                update(tables.batches)
                .where((_BATCH.id == batch_id) & _BATCH.cancelled.is_(None))
                .values(cancelled=moment)
            )
            dropped = {"state": ItemState.CANCELLED, "content": b""}
            connection.execute(update(tables.batch_items).where(open_items).values(dropped))


@dataclass(frozen=True, slots=True)
class SqlWorkers:
    engine: Engine

    def record_heartbeat(self, worker: str, moment: datetime) -> None:
        statement = update(tables.workers).where(_WORKER.id == worker).values(seen=moment)
        with self.engine.begin() as connection:
            updated = connection.execute(statement).rowcount
        if not updated:
            try:
                with self.engine.begin() as connection:
                    connection.execute(insert(tables.workers).values(id=worker, seen=moment))
            except IntegrityError:  # another process inserted it meanwhile
                return

    def silent_since(self, moment: datetime) -> Sequence[str]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(_WORKER.id).where(_WORKER.seen < moment)).scalars())

    def remove(self, worker: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(delete(tables.workers).where(_WORKER.id == worker))


def _columns(item: BatchItem) -> dict[str, Any]:
    return {
        "batch": item.batch,
        "index": item.index,
        "source": item.source,
        "state": str(item.state),
        "report": item.report,
        "verdict": item.verdict,
        "refusal": item.refusal,
        "submission": item.submission,
        "change": item.change,
    }


def _outcome(item: BatchItem) -> dict[str, Any]:
    """Return the outcome of an item of a regrade, and which item it is."""
    row = {name: getattr(item, name) for name in ("verdict", "refusal", "change")}
    return row | {"state": str(item.state), "this_batch": item.batch, "this_index": item.index}


def _batch(row: Row[Any]) -> StoredBatch:
    return StoredBatch(
        row.id, row.owner, row.assignment, row.total, row.created, row.cancelled, BatchKind(row.kind)
    )


def _item(row: Row[Any], content: bytes) -> BatchItem:
    return BatchItem(
        batch=row.batch,
        index=row._mapping["index"],  # row.index would be tuple.index
        source=row.source,
        declared=row.declared,
        content=content,
        state=ItemState(row.state),
        report=row.report,
        verdict=None if row.verdict is None else Verdict(row.verdict),
        refusal=row.refusal,
        submission=row.submission,
        change=row.change,
    )
