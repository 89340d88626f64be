"""Store tokens, by the digests of their secrets, and the secrets of the service in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Text, cast, insert, select, update
from sqlalchemy.exc import IntegrityError

from api.storage import tables
from api.storage.records import Role, Token


@dataclass(frozen=True, slots=True)
class SqlTokens:
    engine: Engine

    def add(self, token: Token, digest: bytes) -> None:
        row = {
            "id": token.id,
            "digest": digest,
            "role": str(token.role),
            "subject": token.subject,
            "assignments": sorted(token.assignments),
            "created": token.created,
            "expires": token.expires,
            "revoked": token.revoked,
        }
        with self.engine.begin() as connection:
            connection.execute(insert(tables.tokens).values(row))

    def find(self, token_id: str) -> tuple[Token, bytes] | None:
        with self.engine.connect() as connection:
            row = connection.execute(select(tables.tokens).where(tables.tokens.c.id == token_id)).first()
        return None if row is None else (_token(row), bytes(row.digest))

    def list(self) -> Sequence[Token]:
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(tables.tokens).order_by(tables.tokens.c.created, tables.tokens.c.id)
            )
            return [_token(row) for row in rows]

    def revoke(self, token_id: str, moment: datetime) -> bool:
        statement = update(tables.tokens).where(tables.tokens.c.id == token_id).values(revoked=moment)
        with self.engine.begin() as connection:
            return connection.execute(statement).rowcount == 1

    def of_students(self, assignment_id: str) -> Sequence[Token]:
        query = select(tables.tokens).where(students_tokens(assignment_id))
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(tables.tokens.c.created, tables.tokens.c.id))
            return [_token(row) for row in rows]


def students_tokens(assignment_id: str) -> ColumnElement[bool]:
    """Return the condition for students' tokens that open an assignment. The list is stored as JSON text."""
    named = cast(tables.tokens.c.assignments, Text).contains(f'"{assignment_id}"', autoescape=True)
    return (tables.tokens.c.role == Role.STUDENT) & named


@dataclass(frozen=True, slots=True)
class SqlSecrets:
    engine: Engine

    def get_or_create(self, name: str, fresh: bytes) -> bytes:
        query = select(tables.secrets.c.value).where(tables.secrets.c.name == name)
        with self.engine.connect() as connection:
            stored = connection.execute(query).scalar_one_or_none()
        if stored is not None:
            return bytes(stored)
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(tables.secrets).values(name=name, value=fresh))
        except IntegrityError:  # another process inserted it meanwhile
            return self.get_or_create(name, fresh)
        return fresh


def _token(row: Row[Any]) -> Token:
    return Token(
        row.id, Role(row.role), row.subject, frozenset(row.assignments), row.created, row.expires, row.revoked
    )
