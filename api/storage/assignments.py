"""Store assignments in SQL: rules and problem as JSON, and in columns what lists show of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row, delete, insert, or_, select, update

from api.problem import StoredProblem, stored_problem
from api.storage import tables
from api.storage.records import AssignmentListing, StoredAssignment
from api.storage.submissions import lock_assignment
from verifier.documents.assignment import read_stored_rules, rules_to_document
from verifier.documents.json import encode, parse
from verifier.report.assignment import Assignment

_ASSIGNMENT = tables.assignments.c
_SUBMISSION = tables.submissions.c
_BATCH = tables.batches.c


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

    def list(self, owner: str | None, ids: Collection[str]) -> Sequence[AssignmentListing]:
        names = ("id", "owner", "title", "attempts", "opens", "closes")
        named = _ASSIGNMENT.id.in_(ids)
        opened = named if owner is None else or_(named, _ASSIGNMENT.owner == owner)
        query = select(*(_ASSIGNMENT[name] for name in names)).where(opened)
        query = query.order_by(_ASSIGNMENT.created.desc(), _ASSIGNMENT.id)
        with self.engine.connect() as connection:
            return [AssignmentListing(*row) for row in connection.execute(query)]

    def exist(self) -> bool:
        with self.engine.connect() as connection:
            return connection.execute(select(_ASSIGNMENT.id).limit(1)).first() is not None

    def update(
        self, assignment_id: str, assignment: Assignment, revision: int, keeps_results: bool = False
    ) -> StoredAssignment | None:
        same_revision = (tables.assignments.c.id == assignment_id) & (
            tables.assignments.c.revision == revision
        )
        statement = update(tables.assignments).where(same_revision)
        values = _columns(assignment) | {"revision": revision + 1}
        with self.engine.begin() as connection:
            if connection.execute(statement.values(values)).rowcount == 0:
                return None
            if keeps_results:
                judged = (_SUBMISSION.assignment == assignment_id) & (_SUBMISSION.revision == revision)
                renewed = update(tables.submissions).where(judged).values(revision=revision + 1)
                connection.execute(renewed)
        return self.find(assignment_id)

    def delete(self, assignment_id: str, with_submissions: bool) -> bool:
        submissions = select(_SUBMISSION.id).where(_SUBMISSION.assignment == assignment_id)
        batches = select(_BATCH.id).where(_BATCH.assignment == assignment_id)
        with self.engine.begin() as connection:
            lock_assignment(connection, assignment_id)
            if not with_submissions and connection.execute(submissions.limit(1)).first() is not None:
                return False
            for table, condition in (
                (tables.roster, tables.roster.c.assignment == assignment_id),
                (tables.refusals, tables.refusals.c.assignment == assignment_id),
                (tables.contents, tables.contents.c.submission.in_(submissions)),
                (tables.batch_items, tables.batch_items.c.batch.in_(batches)),
                (tables.batches, _BATCH.assignment == assignment_id),
                (tables.submissions, _SUBMISSION.assignment == assignment_id),
                (tables.reports, tables.reports.c.assignment == assignment_id),
                (tables.assignments, _ASSIGNMENT.id == assignment_id),
            ):
                connection.execute(delete(table).where(condition))
        return True


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
