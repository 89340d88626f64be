"""Store submissions and reports in SQL. Reports are never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from api.storage import tables
from api.storage.records import StoredReport, StoredSubmission, SubmissionResult
from verifier.report.verdict import Verdict

_SUBMISSION = tables.submissions.c
_WITHOUT_CONTENT = [column for column in tables.submissions.c if column.name != "content"]


@dataclass(frozen=True, slots=True)
class SqlSubmissions:
    engine: Engine

    def add(self, submission: StoredSubmission, report: StoredReport, attempts: int | None) -> int | None:
        assert submission.result is not None  # only judged submissions are stored
        row = {
            "id": submission.id,
            "assignment": submission.assignment,
            "student": submission.student,
            "received": submission.received,
            "declared": submission.declared,
            "content": submission.content,
        }
        with self.engine.begin() as connection:
            _lock_assignment(connection, submission.assignment)
            used = _count(connection, submission.assignment, submission.student)
            if attempts is not None and used >= attempts:
                return None
            add_report(connection, report)
            attempt = {"attempt": used + 1}
            connection.execute(insert(tables.submissions).values(row | attempt | _columns(submission.result)))
        return used + 1

    def find(self, submission_id: str) -> StoredSubmission | None:
        query = select(tables.submissions).where(_SUBMISSION.id == submission_id)
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _stored(row, bytes(row.content))

    def count(self, assignment_id: str, student: str) -> int:
        with self.engine.connect() as connection:
            return _count(connection, assignment_id, student)

    def list(self, assignment_id: str, student: str | None = None) -> Sequence[StoredSubmission]:
        query = select(*_WITHOUT_CONTENT).where(_SUBMISSION.assignment == assignment_id)
        if student is not None:
            query = query.where(_SUBMISSION.student == student)
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(_SUBMISSION.received, _SUBMISSION.id))
            return [_stored(row, b"") for row in rows]

    def replace_result(
        self, submission_id: str, result: SubmissionResult, report: StoredReport | None
    ) -> None:
        statement = update(tables.submissions).where(_SUBMISSION.id == submission_id).values(_columns(result))
        with self.engine.begin() as connection:
            if report is not None:
                add_report(connection, report)
            connection.execute(statement)


@dataclass(frozen=True, slots=True)
class SqlReports:
    engine: Engine

    def add(self, report: StoredReport) -> None:
        with self.engine.begin() as connection:
            add_report(connection, report)

    def find(self, report_id: str) -> StoredReport | None:
        with self.engine.connect() as connection:
            row = connection.execute(select(tables.reports).where(tables.reports.c.id == report_id)).first()
        if row is None:
            return None
        return StoredReport(
            row.id,
            row.owner,
            row.assignment,
            row.submission,
            bytes(row.document),
            bytes(row.student),
            row.etag,
            row.created,
        )

    def documents(self, ids: Sequence[str]) -> Mapping[str, bytes]:
        query = select(tables.reports.c.id, tables.reports.c.document).where(tables.reports.c.id.in_(ids))
        with self.engine.connect() as connection:
            return {row.id: bytes(row.document) for row in connection.execute(query)}


def add_report(connection: Connection, report: StoredReport) -> None:
    """Store a report as part of a transaction."""
    columns = ("id", "owner", "assignment", "submission", "document", "student", "etag", "created")
    row = {column: getattr(report, column) for column in columns}
    connection.execute(insert(tables.reports).values(row))


def _lock_assignment(connection: Connection, assignment_id: str) -> None:
    """Serialize the submissions of an assignment.

    It writes, because a SQLite transaction that begins with a read may not be able to write later.
    """
    this_assignment = tables.assignments.c.id == assignment_id
    unchanged = {"revision": tables.assignments.c.revision}
    connection.execute(update(tables.assignments).where(this_assignment).values(unchanged))


def _count(connection: Connection, assignment_id: str, student: str) -> int:
    of_student = (_SUBMISSION.assignment == assignment_id) & (_SUBMISSION.student == student)
    query = select(func.count()).select_from(tables.submissions).where(of_student)
    return connection.execute(query).scalar_one()


def _columns(result: SubmissionResult) -> dict[str, Any]:
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
    result = SubmissionResult(
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
