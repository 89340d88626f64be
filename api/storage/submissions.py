"""Students' submissions in SQL, numbered by attempt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from api.storage import tables
from api.storage.records import Result, StoredReport, StoredSubmission
from api.storage.reports import add_report
from verifier.verdict import Verdict

_TABLE = tables.submissions.c
_LIGHT = [column for column in tables.submissions.c if column.name != "content"]


@dataclass(frozen=True, slots=True)
class SqlSubmissions:
    engine: Engine

    def add(self, submission: StoredSubmission, report: StoredReport, attempts: int | None) -> int | None:
        assert submission.result is not None  # what is kept has been judged
        row = {
            "id": submission.id,
            "assignment": submission.assignment,
            "student": submission.student,
            "received": submission.received,
            "declared": submission.declared,
            "content": submission.content,
        }
        with self.engine.begin() as connection:
            _one_at_a_time(connection, submission.assignment)
            made = _count(connection, submission.assignment, submission.student)
            if attempts is not None and made >= attempts:
                return None
            add_report(connection, report)
            attempt = {"attempt": made + 1}
            connection.execute(insert(tables.submissions).values(row | attempt | _columns(submission.result)))
        return made + 1

    def find(self, submission_id: str) -> StoredSubmission | None:
        query = select(tables.submissions).where(_TABLE.id == submission_id)
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _stored(row, bytes(row.content))

    def count(self, assignment_id: str, student: str) -> int:
        with self.engine.connect() as connection:
            return _count(connection, assignment_id, student)

    def list(self, assignment_id: str, student: str | None = None) -> Sequence[StoredSubmission]:
        query = select(*_LIGHT).where(_TABLE.assignment == assignment_id)
        if student is not None:
            query = query.where(_TABLE.student == student)
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(_TABLE.received, _TABLE.id))
            return [_stored(row, b"") for row in rows]

    def judged_again(self, submission_id: str, result: Result, report: StoredReport | None) -> None:
        change = update(tables.submissions).where(_TABLE.id == submission_id).values(_columns(result))
        with self.engine.begin() as connection:
            if report is not None:
                add_report(connection, report)
            connection.execute(change)


def _one_at_a_time(connection: Connection, assignment_id: str) -> None:
    """Have submissions follow each other. A writing comes first, as SQLite lets none follow a reading."""
    own = tables.assignments.c.id == assignment_id
    connection.execute(update(tables.assignments).where(own).values(revision=tables.assignments.c.revision))


def _count(connection: Connection, assignment_id: str, student: str) -> int:
    own = (_TABLE.assignment == assignment_id) & (_TABLE.student == student)
    return connection.execute(select(func.count()).select_from(tables.submissions).where(own)).scalar_one()


def _columns(result: Result) -> dict[str, Any]:
    return {
        "report": result.report,
        "revision": result.revision,
        "verdict": result.verdict,
        "earned": result.earned,
        "worth": result.worth,
        "parameters": {name: str(verdict) for name, verdict in result.parameters.items()},
        "bugs": [list(pair) for pair in result.bugs],
        "refusal": result.refusal,
    }


def _stored(row: Row[Any], content: bytes) -> StoredSubmission:
    result = Result(
        report=row.report,
        revision=row.revision,
        verdict=None if row.verdict is None else Verdict(row.verdict),
        earned=row.earned,
        worth=row.worth,
        parameters={name: Verdict(verdict) for name, verdict in row.parameters.items()},
        bugs=tuple((bug, layer) for bug, layer in row.bugs),
        refusal=row.refusal,
    )
    return StoredSubmission(
        row.id, row.assignment, row.student, row.attempt, row.received, row.declared, content, result
    )
