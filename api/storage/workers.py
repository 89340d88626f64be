"""When each worker was last heard of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from api.storage import tables

_TABLE = tables.workers.c


@dataclass(frozen=True, slots=True)
class SqlWorkers:
    engine: Engine

    def beat(self, worker: str, moment: datetime) -> None:
        change = update(tables.workers).where(_TABLE.id == worker).values(seen=moment)
        with self.engine.begin() as connection:
            known = connection.execute(change).rowcount
        if not known:
            try:
                with self.engine.begin() as connection:
                    connection.execute(insert(tables.workers).values(id=worker, seen=moment))
            except IntegrityError:  # another process of that name was first
                return

    def silent_since(self, moment: datetime) -> Sequence[str]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(_TABLE.id).where(_TABLE.seen < moment)).scalars())

    def forget(self, worker: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(delete(tables.workers).where(_TABLE.id == worker))
