"""Store assignments in SQL, as JSON documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row, insert, select, update

from api.storage import tables
from api.storage.records import StoredAssignment
from verifier.documents.assignment import assignment_to_document, read_assignment
from verifier.documents.json import parse, to_json
from verifier.report.assignment import Assignment


@dataclass(frozen=True, slots=True)
class SqlAssignments:
    engine: Engine

    def add(self, stored: StoredAssignment) -> None:
        row = {
            "id": stored.id,
            "owner": stored.owner,
            "document": to_json(assignment_to_document(stored.assignment)),
            "revision": stored.revision,
            "created": stored.created,
        }
        with self.engine.begin() as connection:
            connection.execute(insert(tables.assignments).values(row))

    def find(self, assignment_id: str) -> StoredAssignment | None:
        query = select(tables.assignments).where(tables.assignments.c.id == assignment_id)
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _stored(row)

    def list(self) -> Sequence[StoredAssignment]:
        order = (tables.assignments.c.created.desc(), tables.assignments.c.id)
        with self.engine.connect() as connection:
            return [_stored(row) for row in connection.execute(select(tables.assignments).order_by(*order))]

    def update(self, assignment_id: str, assignment: Assignment, revision: int) -> StoredAssignment | None:
        same_revision = (tables.assignments.c.id == assignment_id) & (
            tables.assignments.c.revision == revision
        )
        statement = update(tables.assignments).where(same_revision)
        values = {"document": to_json(assignment_to_document(assignment)), "revision": revision + 1}
        with self.engine.begin() as connection:
            if connection.execute(statement.values(values)).rowcount == 0:
                return None
        return self.find(assignment_id)


def _stored(row: Row[Any]) -> StoredAssignment:
    return StoredAssignment(
        row.id, row.owner, read_assignment(parse(row.document)), row.revision, row.created
    )
