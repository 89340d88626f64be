"""Store replies by Idempotency-Key in SQL. The primary key lets one of two simultaneous claims succeed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from api.storage import tables
from api.storage.records import StoredReply

_REPLY = tables.replies.c


@dataclass(frozen=True, slots=True)
class SqlReplies:
    engine: Engine

    def claim(self, caller: str, key: str, fingerprint: bytes, moment: datetime) -> StoredReply | None:
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

    def complete(self, caller: str, key: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        this_reply = (_REPLY.caller == caller) & (_REPLY.key == key)
        values = {"status": status, "headers": dict(headers), "body": body}
        with self.engine.begin() as connection:
            connection.execute(update(tables.replies).where(this_reply).values(values))

    def release(self, caller: str, key: str) -> None:
        this_reply = (_REPLY.caller == caller) & (_REPLY.key == key)
        with self.engine.begin() as connection:
            connection.execute(delete(tables.replies).where(this_reply))

    def delete_before(self, moment: datetime) -> None:
        with self.engine.begin() as connection:
            connection.execute(delete(tables.replies).where(_REPLY.created < moment))

    def _find(self, caller: str, key: str) -> StoredReply | None:
        query = select(tables.replies).where((_REPLY.caller == caller) & (_REPLY.key == key))
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:  # released meanwhile
            return None
        return StoredReply(bytes(row.fingerprint), row.status, row.headers, bytes(row.body), row.created)
