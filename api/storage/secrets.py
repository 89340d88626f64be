"""Secrets that all processes of a service share, made once."""

from dataclasses import dataclass

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from api.storage import tables


@dataclass(frozen=True, slots=True)
class SqlSecrets:
    engine: Engine

    def secret(self, name: str, fresh: bytes) -> bytes:
        query = select(tables.secrets.c.value).where(tables.secrets.c.name == name)
        with self.engine.connect() as connection:
            known = connection.execute(query).scalar_one_or_none()
        if known is not None:
            return bytes(known)
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(tables.secrets).values(name=name, value=fresh))
        except IntegrityError:  # another process was first
            return self.secret(name, fresh)
        return fresh
