"""Store the students of assignments in SQL: those that graders have named, and what was refused of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, insert, select, update

from api.storage import tables
from api.storage.records import AssignmentGoneError, ItemState, RefusalRecord, RosterEntry
from api.storage.submissions import lock_assignment
from api.storage.tokens import students_tokens

_ROSTER = tables.roster.c
_REFUSAL = tables.refusals.c
_SUBMISSION = tables.submissions.c
_REPORT = tables.reports.c
_ITEM = tables.batch_items.c
_TOKEN = tables.tokens.c
_FORGOTTEN = "(deleted)"  # the name in batches


@dataclass(frozen=True, slots=True)
class SqlRoster:
    engine: Engine

    def entries(self, assignment_id: str) -> Sequence[RosterEntry]:
        query = select(_ROSTER.student, _ROSTER.lms_id).where(_ROSTER.assignment == assignment_id)
        with self.engine.connect() as connection:
            entries = [RosterEntry(*row) for row in connection.execute(query)]
        return sorted(entries, key=lambda entry: entry.student)  # each database has its order

    def replace(self, assignment_id: str, entries: Sequence[RosterEntry]) -> None:
        with self.engine.begin() as connection:
            lock_assignment(connection, assignment_id)
            connection.execute(delete(tables.roster).where(_ROSTER.assignment == assignment_id))
            _insert(connection, assignment_id, entries)

    def add(self, assignment_id: str, entries: Sequence[RosterEntry]) -> None:
        named = _ROSTER.student.in_([entry.student for entry in entries])
        with self.engine.begin() as connection:
            lock_assignment(connection, assignment_id)
            connection.execute(delete(tables.roster).where((_ROSTER.assignment == assignment_id) & named))
            _insert(connection, assignment_id, entries)

    def refuse(self, assignment_id: str, student: str, reason: str, moment: datetime) -> None:
        of_student = (_REFUSAL.assignment == assignment_id) & (_REFUSAL.student == student)
        statement = update(tables.refusals).where(of_student)
        with self.engine.begin() as connection:
            try:
                lock_assignment(connection, assignment_id)
            except AssignmentGoneError:
                return
            values = {"count": _REFUSAL.count + 1, "reason": reason, "moment": moment}
            if connection.execute(statement.values(values)).rowcount == 0:
                row = {"assignment": assignment_id, "student": student, **values, "count": 1}
                connection.execute(insert(tables.refusals).values(row))

    def refusals(self, assignment_id: str) -> Sequence[RefusalRecord]:
        columns = (_REFUSAL.student, _REFUSAL.count, _REFUSAL.reason, _REFUSAL.moment)
        query = select(*columns).where(_REFUSAL.assignment == assignment_id)
        with self.engine.connect() as connection:
            records = [RefusalRecord(*row) for row in connection.execute(query)]
        return sorted(records, key=lambda record: record.student)

    def reports(self, assignment_id: str, student: str) -> Sequence[str]:
        submissions = _submissions(assignment_id, student)
        query = select(_REPORT.id).where(_REPORT.submission.in_(submissions))
        with self.engine.connect() as connection:
            return list(connection.execute(query.order_by(_REPORT.created, _REPORT.id)).scalars())

    def forget(self, assignment_id: str, student: str) -> None:
        submissions = _submissions(assignment_id, student)
        batches = select(tables.batches.c.id).where(tables.batches.c.assignment == assignment_id)
        items = update(tables.batch_items).where(_ITEM.batch.in_(batches) & (_ITEM.source == student))
        nameless = {"source": _FORGOTTEN, "content": b"", "report": None, "refusal": "",
                    "submission": None, "change": None}  # fmt: skip
        of_student = (_SUBMISSION.assignment == assignment_id) & (_SUBMISSION.student == student)
        with self.engine.begin() as connection:
            lock_assignment(connection, assignment_id)
            cancelled = items.where(_ITEM.state == ItemState.PENDING).values(state=ItemState.CANCELLED)
            connection.execute(cancelled)
            connection.execute(items.values(nameless))
            connection.execute(update(tables.submissions).where(of_student).values(report=None))
            for table, condition in (
                (tables.roster, (_ROSTER.assignment == assignment_id) & (_ROSTER.student == student)),
                (tables.refusals, (_REFUSAL.assignment == assignment_id) & (_REFUSAL.student == student)),
                (tables.contents, tables.contents.c.submission.in_(submissions)),
                (tables.reports, _REPORT.submission.in_(submissions)),
                (tables.submissions, of_student),
            ):
                connection.execute(delete(table).where(condition))
            _close_to_tokens(connection, assignment_id, student)


def _submissions(assignment_id: str, student: str) -> Select[tuple[Any]]:
    """Return the query of the ids of a student's submissions."""
    return select(_SUBMISSION.id).where(
        (_SUBMISSION.assignment == assignment_id) & (_SUBMISSION.student == student)
    )


def _insert(connection: Connection, assignment_id: str, entries: Sequence[RosterEntry]) -> None:
    rows = [
        {"assignment": assignment_id, "student": entry.student, "lms_id": entry.lms_id} for entry in entries
    ]
    if rows:
        connection.execute(insert(tables.roster), rows)


def _close_to_tokens(connection: Connection, assignment_id: str, student: str) -> None:
    query = select(_TOKEN.id, _TOKEN.assignments).where(students_tokens(assignment_id))
    for row in connection.execute(query.where(_TOKEN.subject == student)).all():
        this_token, others = _TOKEN.id == row.id, [name for name in row.assignments if name != assignment_id]
        if others:
            connection.execute(update(tables.tokens).where(this_token).values(assignments=others))
        else:
            connection.execute(delete(tables.tokens).where(this_token))
