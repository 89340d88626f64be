"""Store assignments in SQL: rules and problem as JSON, and in columns what lists show of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row, insert, or_, select, update

from api.problem import StoredProblem, stored_problem
from api.storage import tables
from api.storage.records import AssignmentRow, StoredAssignment
from verifier.documents.assignment import read_stored_rules, rules_to_document
from verifier.documents.json import encode, parse
from verifier.report.assignment import Assignment

_ASSIGNMENT = tables.assignments.c


@dataclass(frozen=True, slots=True)
class SqlAssignments:
    engine: Engine

    def add(self, stored: StoredAssignment) -> None:
        row = {
            "id": stored.id,
            "owner": stored.owner,
            **_columns(stored.assignment),
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

    def list(self, owner: str | None, ids: Collection[str]) -> Sequence[AssignmentRow]:
        names = ("id", "owner", "title", "attempts", "opens", "closes")
        named = _ASSIGNMENT.id.in_(ids)
        opened = named if owner is None else or_(named, _ASSIGNMENT.owner == owner)
        query = select(*(_ASSIGNMENT[name] for name in names)).where(opened)
        query = query.order_by(_ASSIGNMENT.created.desc(), _ASSIGNMENT.id)
        with self.engine.connect() as connection:
            return [AssignmentRow(*row) for row in connection.execute(query)]

    def exist(self) -> bool:
        with self.engine.connect() as connection:
            return connection.execute(select(_ASSIGNMENT.id).limit(1)).first() is not None

    def update(self, assignment_id: str, assignment: Assignment, revision: int) -> StoredAssignment | None:
        same_revision = (tables.assignments.c.id == assignment_id) & (
            tables.assignments.c.revision == revision
        )
        statement = update(tables.assignments).where(same_revision)
        values = _columns(assignment) | {"revision": revision + 1}
        with self.engine.begin() as connection:
            if connection.execute(statement.values(values)).rowcount == 0:
                return None
        return self.find(assignment_id)


def _columns(assignment: Assignment) -> dict[str, Any]:
    problem = stored_problem(assignment.problem)
    kind = {"shapes": problem.shapes, "of_graph": problem.of_graph}
    return {
        "document": encode(rules_to_document(assignment) | kind).decode(),
        "problem": problem.json,
        "title": assignment.title,
        "attempts": assignment.attempts,
        "opens": assignment.opens,
        "closes": assignment.closes,
    }


def _stored(row: Row[Any]) -> StoredAssignment:
    document = parse(row.document)
    shapes = {name: tuple(shape) for name, shape in document["shapes"].items()}
    problem = StoredProblem(bytes(row.problem), shapes, document["of_graph"])
    assignment = read_stored_rules(document, problem)
    return StoredAssignment(row.id, row.owner, assignment, row.revision, row.created)
