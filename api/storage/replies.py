"""Replies by Idempotency-Key in SQL: of two claims of one key, the database lets one through."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from api.storage import tables
from api.storage.records import KeptReply

_TABLE = tables.replies.c


@dataclass(frozen=True, slots=True)
class SqlReplies:
    engine: Engine

    def claim(self, caller: str, key: str, fingerprint: bytes, moment: datetime) -> KeptReply | None:
        row = {
            "caller": caller,
            "key": key,
            "fingerprint": fingerprint,
            "created": moment,
            "headers": {},
            "body": b"",
        }
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(tables.replies).values(row))
        except IntegrityError:
            return self._find(caller, key)
        return None

    def keep(self, caller: str, key: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        own = (_TABLE.caller == caller) & (_TABLE.key == key)
        values = {"status": status, "headers": dict(headers), "body": body}
        with self.engine.begin() as connection:
            connection.execute(update(tables.replies).where(own).values(values))

    def release(self, caller: str, key: str) -> None:
        own = (_TABLE.caller == caller) & (_TABLE.key == key)
        with self.engine.begin() as connection:
            connection.execute(delete(tables.replies).where(own))

    def forget_before(self, moment: datetime) -> None:
        with self.engine.begin() as connection:
            connection.execute(delete(tables.replies).where(_TABLE.created < moment))

    def _find(self, caller: str, key: str) -> KeptReply | None:
        query = select(tables.replies).where((_TABLE.caller == caller) & (_TABLE.key == key))
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:  # released since
            return None
        return KeptReply(bytes(row.fingerprint), row.status, row.headers, bytes(row.body), row.created)
