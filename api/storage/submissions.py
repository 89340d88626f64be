"""Store submissions and reports in SQL. Reports are never changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Subquery,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from api.storage import tables
from api.storage.records import (
    AssignmentGoneError,
    RegradedItem,
    Standing,
    StoredReport,
    StoredSubmission,
    SubmissionResult,
)
from verifier.diagnosis.catalogue import ids_of
from verifier.report.verdict import Verdict

_SUBMISSION = tables.submissions.c
_WITHOUT_SUMMARY = [column for column in _SUBMISSION if column.name != "summary"]
_CONTENT = tables.contents.c
_REPORT = tables.reports.c
_VERDICTS = {str(verdict): verdict for verdict in Verdict}
_RESERVED: dict[str, Any] = {
    "shown": None,
    "size": 0,
    "report": None,
    "revision": 0,
    "verdict": None,
    "earned": 0.0,
    "worth": 0.0,
    "parameters": {},
    "bugs": [],
    "summary": {},
    "refusal": "",
}


@dataclass(frozen=True, slots=True)
class SqlSubmissions:
    engine: Engine

    def reserve(self, submission: StoredSubmission, attempts: int | None, stale: datetime) -> int | None:
        dead = _of_student(submission.assignment, submission.student) & _SUBMISSION.shown.is_(None)
        with self.engine.begin() as connection:
            lock_assignment(connection, submission.assignment)
            connection.execute(delete(tables.submissions).where(dead & (_SUBMISSION.received < stale)))
            number = _next_attempt(connection, submission, attempts)
            if number is not None:
                row = _head(submission) | {"attempt": number} | _RESERVED
                connection.execute(insert(tables.submissions).values(row))
        return number

    def finish(self, submission: StoredSubmission, report: StoredReport | None) -> bool:
        reserved = (_SUBMISSION.id == submission.id) & _SUBMISSION.shown.is_(None)
        statement = update(tables.submissions).where(reserved)
        with self.engine.begin() as connection:
            if connection.execute(statement.values(declared=submission.declared)).rowcount == 0:
                return False
            if report is not None:
                add_report(connection, report)
            connection.execute(statement.values(_judged(submission, report)))
            _add_content(connection, submission)
        return True

    def release(self, submission_id: str) -> None:
        reserved = (_SUBMISSION.id == submission_id) & _SUBMISSION.shown.is_(None)
        with self.engine.begin() as connection:
            connection.execute(delete(tables.submissions).where(reserved))

    def add(
        self, submission: StoredSubmission, report: StoredReport | None, attempts: int | None
    ) -> int | None:
        with self.engine.begin() as connection:
            lock_assignment(connection, submission.assignment)
            number = _next_attempt(connection, submission, attempts)
            if number is None:
                return None
            if report is not None:
                add_report(connection, report)
            row = _head(submission) | {"attempt": number} | _judged(submission, report)
            connection.execute(insert(tables.submissions).values(row))
            _add_content(connection, submission)
        return number

    def find(self, submission_id: str) -> StoredSubmission | None:
        query = select(tables.submissions).where(_SUBMISSION.id == submission_id)
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _stored(row, row.summary)

    def with_contents(self, ids: Collection[str]) -> Sequence[StoredSubmission]:
        columns: list[ColumnElement[Any]] = [*_WITHOUT_SUMMARY, _CONTENT.content]
        query = select(*columns).join(tables.contents).where(_SUBMISSION.id.in_(ids))
        with self.engine.connect() as connection:
            rows = connection.execute(query)
            return [replace(_stored(row, {}), content=bytes(row.content)) for row in rows]

    def content(self, submission_id: str) -> bytes:
        query = select(_CONTENT.content).where(_CONTENT.submission == submission_id)
        with self.engine.connect() as connection:
            return bytes(connection.execute(query).scalar_one_or_none() or b"")

    def count(self, assignment_id: str, student: str) -> int:
        query = select(func.count()).select_from(tables.submissions)
        with self.engine.connect() as connection:
            return connection.execute(query.where(_of_student(assignment_id, student))).scalar_one()

    def size(self, assignment_id: str, student: str) -> int:
        query = select(func.coalesce(func.sum(_SUBMISSION.size), 0))
        with self.engine.connect() as connection:
            return int(connection.execute(query.where(_of_student(assignment_id, student))).scalar_one())

    def list(self, assignment_id: str, student: str | None = None) -> Sequence[StoredSubmission]:
        wanted = _SUBMISSION.assignment == assignment_id
        return self._select(wanted if student is None else _of_student(assignment_id, student))

    def standings(self, assignment_id: str, best: bool, summaries: bool) -> Sequence[Standing]:
        judged = (_SUBMISSION.assignment == assignment_id) & _SUBMISSION.shown.is_not(None)
        counted = _best(judged) if best else _latest(judged)
        same = (_SUBMISSION.student == counted.c.student) & (_SUBMISSION.attempt == counted.c.attempt)
        columns: list[ColumnElement[Any]] = [counted.c.attempts]
        columns += list(_SUBMISSION) if summaries else _WITHOUT_SUMMARY
        query = select(*columns).join(counted, same).where(judged)
        with self.engine.connect() as connection:
            rows = [
                (_stored(row, row.summary if summaries else {}), row.attempts)
                for row in connection.execute(query)
            ]
        rows.sort(key=lambda row: row[0].student)  # each database has its order
        return [
            Standing(submission, submission.result, attempts)
            for submission, attempts in rows
            if submission.result is not None
        ]

    def outdated(self, assignment_id: str, revision: int) -> Sequence[StoredSubmission]:
        earlier = (_SUBMISSION.revision != revision) & _SUBMISSION.shown.is_not(None)
        return self._select((_SUBMISSION.assignment == assignment_id) & earlier)

    def _select(self, wanted: ColumnElement[bool]) -> Sequence[StoredSubmission]:
        query = select(*_WITHOUT_SUMMARY).where(wanted)
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(_SUBMISSION.student, _SUBMISSION.attempt))
            return [_stored(row, {}) for row in rows]


@dataclass(frozen=True, slots=True)
class SqlReports:
    engine: Engine

    def add(self, report: StoredReport) -> None:
        with self.engine.begin() as connection:
            add_report(connection, report)

    def find(self, report_id: str) -> StoredReport | None:
        columns = [column for column in _REPORT if column.name != "document"]
        with self.engine.connect() as connection:
            row = connection.execute(select(*columns).where(_REPORT.id == report_id)).first()
        if row is None:
            return None
        return StoredReport(row.id, row.owner, row.assignment, row.submission, b"", row.etag, row.created)

    def document(self, report_id: str) -> bytes:
        query = select(_REPORT.document).where(_REPORT.id == report_id)
        with self.engine.connect() as connection:
            return bytes(connection.execute(query).scalar_one_or_none() or b"")


def add_report(connection: Connection, report: StoredReport) -> None:
    """Store a report as part of a transaction."""
    columns = ("id", "owner", "assignment", "submission", "document", "etag", "created")
    row = {column: getattr(report, column) for column in columns}
    connection.execute(insert(tables.reports).values(row))


def replace_results(connection: Connection, outcomes: Sequence[RegradedItem]) -> None:
    """Replace the results of submissions that exist, as part of a transaction, and store the new reports."""
    results = {outcome.item.submission: outcome for outcome in outcomes if outcome.result is not None}
    query = select(_SUBMISSION.id).where(_SUBMISSION.id.in_(results))
    there = [results[submission_id] for submission_id in connection.execute(query).scalars()]
    for outcome in there:
        if outcome.report is not None:
            add_report(connection, outcome.report)
    if there:
        this_submission = _SUBMISSION.id == bindparam("this_submission")
        statement = update(tables.submissions).where(this_submission)
        grown = _SUBMISSION.size + bindparam("growth")
        connection.execute(statement.values(size=grown), [_replacement(outcome) for outcome in there])


def _replacement(outcome: RegradedItem) -> dict[str, Any]:
    assert outcome.result is not None
    row = {"this_submission": outcome.item.submission, "growth": _size(outcome.report)}
    return row | _columns(outcome.result)


def _of_student(assignment_id: str, student: str) -> ColumnElement[bool]:
    return (_SUBMISSION.assignment == assignment_id) & (_SUBMISSION.student == student)


def _latest(wanted: ColumnElement[bool]) -> Subquery:
    """Return each student's last attempt, and how many there are."""
    last, attempts = func.max(_SUBMISSION.attempt), func.count()
    columns = (_SUBMISSION.student, last.label("attempt"), attempts.label("attempts"))
    return select(*columns).where(wanted).group_by(_SUBMISSION.student).subquery()


def _best(wanted: ColumnElement[bool]) -> Subquery:
    """Return each student's attempt with most points, the first of several, and how many there are."""
    student = _SUBMISSION.student
    order = (_SUBMISSION.earned.desc(), _SUBMISSION.attempt)
    ranked = (
        select(
            student,
            _SUBMISSION.attempt,
            func.row_number().over(partition_by=student, order_by=order).label("rank"),
            func.count().over(partition_by=student).label("attempts"),
        )
        .where(wanted)
        .subquery()
    )
    return select(ranked).where(ranked.c.rank == 1).subquery()


def lock_assignment(connection: Connection, assignment_id: str) -> None:
    """Serialize the submissions of an assignment. Raise AssignmentGoneError if it was deleted.

    It writes, because a SQLite transaction that begins with a read may not be able to write later.
    """
    this_assignment = tables.assignments.c.id == assignment_id
    unchanged = {"revision": tables.assignments.c.revision}
    statement = update(tables.assignments).where(this_assignment).values(unchanged)
    if connection.execute(statement).rowcount == 0:
        raise AssignmentGoneError(assignment_id)


def _next_attempt(connection: Connection, submission: StoredSubmission, attempts: int | None) -> int | None:
    """Return the number of a student's next attempt; None if all are used. Released numbers come again."""
    query = select(func.count(), func.max(_SUBMISSION.attempt))
    of_student = _of_student(submission.assignment, submission.student)
    used, last = connection.execute(query.where(of_student)).one()
    return None if attempts is not None and used >= attempts else (last or 0) + 1


def _add_content(connection: Connection, submission: StoredSubmission) -> None:
    row = {"submission": submission.id, "content": submission.content}
    connection.execute(insert(tables.contents).values(row))


def _head(submission: StoredSubmission) -> dict[str, Any]:
    columns = ("id", "assignment", "student", "received", "declared")
    return {column: getattr(submission, column) for column in columns}


def _judged(submission: StoredSubmission, report: StoredReport | None) -> dict[str, Any]:
    assert submission.result is not None
    shown = submission.shown or submission.received
    size = len(submission.content) + _size(report)
    return _columns(submission.result) | {"shown": shown, "size": size}


def _size(report: StoredReport | None) -> int:
    return 0 if report is None else len(report.document)


def _columns(result: SubmissionResult) -> dict[str, Any]:
    return {
        "report": result.report,
        "revision": result.revision,
        "verdict": result.verdict,
        "earned": result.earned,
        "worth": result.worth,
        "parameters": {name: str(verdict) for name, verdict in result.parameters.items()},
        "bugs": [list(pair) for pair in result.bugs],
        "summary": dict(result.summary),
        "refusal": result.refusal,
    }


def _stored(row: Row[Any], summary: Mapping[str, Any]) -> StoredSubmission:
    result = None
    if row.shown is not None:
        result = SubmissionResult(
            report=row.report,
            revision=row.revision,
            verdict=None if row.verdict is None else _VERDICTS[row.verdict],
            earned=row.earned,
            worth=row.worth,
            parameters={name: _VERDICTS[verdict] for name, verdict in row.parameters.items()},
            bugs=tuple((ids_of(bug)[0], layer) for bug, layer in row.bugs),  # may be an earlier id
            refusal=row.refusal,
            summary=summary,
        )
    return StoredSubmission(
        row.id,
        row.assignment,
        row.student,
        row.attempt,
        row.received,
        row.declared,
        b"",
        result,
        row.shown,
    )
