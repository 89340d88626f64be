"""The tables, as queries use them. Migrations create and change them; a test checks that both agree."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

_ID = String(40)
_NAME = String(200)


class Moment(TypeDecorator[datetime]):
    """A time in UTC. The time zone is added on reading, because SQLite does not store it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if not isinstance(value, datetime):
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("role", String(20), nullable=False),
    Column("subject", _NAME, nullable=False),
    Column("assignments", JSON, nullable=False),
    Column("created", Moment, nullable=False),
    Column("expires", Moment),
    Column("revoked", Moment),
)

assignments = Table(
    "assignments",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("owner", _NAME, nullable=False),
    Column("title", _NAME, nullable=False),
    Column("attempts", Integer),
    Column("opens", Moment),
    Column("closes", Moment),
    Column("document", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created", Moment, nullable=False),
    Column("problem", LargeBinary, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("owner", _NAME, nullable=False),
    Column("assignment", _ID, ForeignKey("assignments.id")),
    Column("submission", _ID),
    Column("document", LargeBinary, nullable=False),
    Column("etag", String(64), nullable=False),
    Column("created", Moment, nullable=False),
)

submissions = Table(  # the files are in a table of their own, so that no list reads past them
    "submissions",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("assignment", _ID, ForeignKey("assignments.id"), nullable=False),
    Column("student", _NAME, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("received", Moment, nullable=False),
    Column("shown", Moment),
    Column("declared", String(20)),
    Column("size", Integer, nullable=False),
    Column("report", _ID, ForeignKey("reports.id")),
    Column("revision", Integer, nullable=False),
    Column("verdict", String(20)),
    Column("earned", Float, nullable=False),
    Column("worth", Float, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("bugs", JSON, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("refusal", Text, nullable=False),
    UniqueConstraint("assignment", "student", "attempt"),
)

contents = Table(
    "contents",
    metadata,
    Column("submission", _ID, ForeignKey("submissions.id"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

roster = Table(  # students that a grader has named; others are known by a token or a submission
    "roster",
    metadata,
    Column("assignment", _ID, ForeignKey("assignments.id"), nullable=False),
    Column("student", _NAME, nullable=False),
    Column("lms_id", _NAME),
    PrimaryKeyConstraint("assignment", "student"),
)

refusals = Table(  # submissions that were refused, which are not stored: the last one of each student
    "refusals",
    metadata,
    Column("assignment", _ID, ForeignKey("assignments.id"), nullable=False),
    Column("student", _NAME, nullable=False),
    Column("count", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("moment", Moment, nullable=False),
    PrimaryKeyConstraint("assignment", "student"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("owner", _NAME, nullable=False),
    Column("assignment", _ID, ForeignKey("assignments.id")),
    Column("kind", String(20), nullable=False),
    Column("total", Integer, nullable=False),
    Column("created", Moment, nullable=False),
    Column("cancelled", Moment),
    Index(None, "owner"),
)

batch_items = Table(
    "batch_items",
    metadata,
    Column("batch", _ID, ForeignKey("batches.id"), nullable=False),
    Column("index", Integer, nullable=False),
    Column("source", String(500), nullable=False),
    Column("declared", String(20)),
    Column("content", LargeBinary, nullable=False),
    Column("state", String(20), nullable=False),
    Column("report", _ID, ForeignKey("reports.id"), unique=True),
    Column("verdict", String(20)),
    Column("refusal", Text, nullable=False),
    Column("submission", _ID),
    Column("change", JSON(none_as_null=True)),
    PrimaryKeyConstraint("batch", "index"),
    Index(None, "batch", "state"),
)

replies = Table(
    "replies",
    metadata,
    Column("caller", _NAME, nullable=False),
    Column("key", String(300), nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created", Moment, nullable=False),
    Column("status", Integer),
    Column("headers", JSON, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("caller", "key"),
    Index(None, "created"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("id", _NAME, primary_key=True),
    Column("seen", Moment, nullable=False),
)

probes = Table(  # one row, which a readiness check writes
    "probes",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("writes", Integer, nullable=False),
)
