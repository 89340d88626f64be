"""Reports in SQL: written once, never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select

from api.storage import tables
from api.storage.records import StoredReport


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
        wanted = select(tables.reports.c.id, tables.reports.c.document).where(tables.reports.c.id.in_(ids))
        with self.engine.connect() as connection:
            return {row.id: bytes(row.document) for row in connection.execute(wanted)}


def add_report(connection: Connection, report: StoredReport) -> None:
    """Keep a report within another transaction."""
    columns = ("id", "owner", "assignment", "submission", "document", "student", "etag", "created")
    row = {column: getattr(report, column) for column in columns}
    connection.execute(insert(tables.reports).values(row))
