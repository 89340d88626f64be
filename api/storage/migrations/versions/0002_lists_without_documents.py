"""Lists without documents

Files of submissions get a table of their own. What lists and pages of a class show is in columns: titles and
periods of assignments, and a summary of each report. The student's view of a report is computed when it is
shown. Names of students are in Unicode's form NFC.
"""

import json
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ROWS = 200  # that are read at a time
_ID, _NAME, _MOMENT = sa.String(length=40), sa.String(length=200), sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "probes",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("writes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_probes")),
    )
    op.execute("INSERT INTO probes (name, writes) VALUES ('readiness', 0)")
    op.create_table(
        "contents",
        sa.Column("submission", _ID, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["submission"], ["submissions.id"], name=op.f("fk_contents_submission")),
        sa.PrimaryKeyConstraint("submission", name=op.f("pk_contents")),
    )
    op.execute("INSERT INTO contents (submission, content) SELECT id, content FROM submissions")
    op.add_column("assignments", sa.Column("title", _NAME, server_default="", nullable=False))
    op.add_column("assignments", sa.Column("attempts", sa.Integer()))
    op.add_column("assignments", sa.Column("opens", _MOMENT))
    op.add_column("assignments", sa.Column("closes", _MOMENT))
    op.add_column("submissions", sa.Column("shown", _MOMENT))
    op.add_column("submissions", sa.Column("size", sa.Integer(), server_default="0", nullable=False))
    op.add_column("submissions", sa.Column("summary", sa.JSON(), server_default="{}", nullable=False))
    op.add_column(
        "batches", sa.Column("kind", sa.String(length=20), server_default="submissions", nullable=False)
    )
    op.add_column("batch_items", sa.Column("submission", _ID))
    op.add_column("batch_items", sa.Column("change", sa.JSON()))
    op.execute("UPDATE submissions SET shown = received, size = length(content)")
    op.get_bind().execute(
        sa.text("UPDATE batch_items SET content = :empty WHERE state <> 'pending'"), {"empty": b""}
    )
    op.drop_column("submissions", "content")
    op.drop_column("reports", "student")
    connection = op.get_bind()
    _fill_assignments(connection)
    _fill_summaries(connection)
    _normalize_names(connection)


def downgrade() -> None:
    empty = sa.text("x''" if op.get_bind().dialect.name == "sqlite" else "''")
    op.add_column(
        "reports", sa.Column("student", sa.LargeBinary(), server_default=empty, nullable=False)
    )  # students see no report until their submissions are judged again
    op.add_column("submissions", sa.Column("content", sa.LargeBinary(), server_default=empty, nullable=False))
    op.execute(
        "UPDATE submissions SET content = "
        "(SELECT content FROM contents WHERE contents.submission = submissions.id) "
        "WHERE EXISTS (SELECT 1 FROM contents WHERE contents.submission = submissions.id)"
    )
    op.execute("DELETE FROM submissions WHERE shown IS NULL")
    op.execute("DELETE FROM batch_items WHERE batch IN (SELECT id FROM batches WHERE kind = 'regrade')")
    op.execute("DELETE FROM batches WHERE kind = 'regrade'")
    op.drop_column("batch_items", "change")
    op.drop_column("batch_items", "submission")
    op.drop_column("batches", "kind")
    for name in ("summary", "size", "shown"):
        op.drop_column("submissions", name)
    for name in ("closes", "opens", "attempts", "title"):
        op.drop_column("assignments", name)
    op.drop_table("contents")
    op.drop_table("probes")


def _fill_assignments(connection: sa.Connection) -> None:
    table = sa.table(
        "assignments",
        sa.column("id"),
        sa.column("document"),
        sa.column("title"),
        sa.column("attempts"),
        sa.column("opens", _MOMENT),
        sa.column("closes", _MOMENT),
    )
    for assignment_id in connection.execute(sa.select(table.c.id)).scalars().all():
        query = sa.select(table.c.document).where(table.c.id == assignment_id)
        document = json.loads(connection.execute(query).scalar_one())
        values = {
            "title": document["title"][:200],
            "attempts": document["attempts"],
            "opens": _moment(document["opens"]),
            "closes": _moment(document["closes"]),
        }
        connection.execute(sa.update(table).where(table.c.id == assignment_id).values(values))


def _fill_summaries(connection: sa.Connection) -> None:
    submissions = sa.table(
        "submissions",
        sa.column("id"),
        sa.column("report"),
        sa.column("size"),
        sa.column("summary", sa.JSON()),
    )
    reports = sa.table("reports", sa.column("id"), sa.column("document", sa.LargeBinary()))
    with_report = sa.select(submissions.c.id).where(submissions.c.report.is_not(None))
    for ids in _chunks(connection.execute(with_report).scalars().all()):
        joined = submissions.join(reports, submissions.c.report == reports.c.id)
        query = sa.select(submissions.c.id, submissions.c.size, reports.c.document).select_from(joined)
        for row in connection.execute(query.where(submissions.c.id.in_(ids))).all():
            document = bytes(row.document)
            values = {"size": row.size + len(document), "summary": _summary(json.loads(document))}
            connection.execute(sa.update(submissions).where(submissions.c.id == row.id).values(values))


def _summary(report: dict[str, Any]) -> dict[str, Any]:
    """Return what the page of a class shows of a report, as `api.services.submissions` does."""
    errors = {row["name"]: row.get("max_rel_error") for row in report["parameters"]}
    return {
        "errors": {name: error for name, error in errors.items() if error is not None},
        "findings": [
            [row["bug"], row["title"] or row["bug"], row["layer"], row.get("factor"), row["parameters"]]
            for row in report["diagnosis"]
        ],
    }


def _normalize_names(connection: sa.Connection) -> None:
    """Join the attempts of names that look alike: those of the other spelling come last."""
    table = sa.table(
        "submissions",
        sa.column("id"),
        sa.column("assignment"),
        sa.column("student"),
        sa.column("attempt"),
    )
    names = sa.select(table.c.assignment, table.c.student).distinct()
    for assignment, student in connection.execute(names).all():
        name = _normal(student)
        if name == student or not name:
            continue
        of_name = (table.c.assignment == assignment) & (table.c.student == name)
        last = connection.execute(sa.select(sa.func.max(table.c.attempt)).where(of_name)).scalar() or 0
        other = (table.c.assignment == assignment) & (table.c.student == student)
        query = sa.select(table.c.id).where(other).order_by(table.c.attempt)
        for number, row_id in enumerate(connection.execute(query).scalars().all(), last + 1):
            values = {"student": name, "attempt": number}
            connection.execute(sa.update(table).where(table.c.id == row_id).values(values))
        reports = sa.table("reports", sa.column("owner"))
        moved = sa.update(reports).where(reports.c.owner == f"student:{student}")
        connection.execute(moved.values(owner=f"student:{name}"))
    tokens = sa.table("tokens", sa.column("id"), sa.column("role"), sa.column("subject"))
    query = sa.select(tokens.c.id, tokens.c.subject).where(tokens.c.role == "student")
    for row in connection.execute(query).all():
        name = _normal(row.subject)
        if name and name != row.subject:
            connection.execute(sa.update(tokens).where(tokens.c.id == row.id).values(subject=name))


def _normal(name: str) -> str:
    """Return a name as `api.services.names` does."""
    visible = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _chunks(ids: Any) -> Iterator[Any]:
    for start in range(0, len(ids), _ROWS):
        yield ids[start : start + _ROWS]
