"""Open a repository from a database URL: a SQLite file or Postgres. Its tables are migrated first."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from api.storage.assignments import SqlAssignments
from api.storage.batches import SqlBatches, SqlWorkers
from api.storage.replies import SqlReplies
from api.storage.submissions import SqlReports, SqlSubmissions
from api.storage.tokens import SqlSecrets, SqlTokens

_MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_TIMEOUT = 30  # seconds that SQLite waits for another connection's write
_BEGIN_OPTION = "sqlite_begin"  # execution option: the kind of a SQLite transaction
_MIGRATION_LOCK = 7_318_202  # key of a Postgres advisory lock: one process migrates at a time


class UnusableDatabaseError(Exception):
    """A URL of no supported database. The message has the expected form."""


@dataclass(frozen=True, slots=True)
class SqlRepository:
    """A `Repository` on one SQLAlchemy engine."""

    engine: Engine
    tokens: SqlTokens
    assignments: SqlAssignments
    submissions: SqlSubmissions
    reports: SqlReports
    batches: SqlBatches
    replies: SqlReplies
    secrets: SqlSecrets
    workers: SqlWorkers

    def check(self) -> None:
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self.engine.dispose()


def read_url(url: str) -> URL:
    """Parse `sqlite:///FILE` or `postgresql://…`. Raise UnusableDatabaseError for anything else."""
    rule = "expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UnusableDatabaseError(f"{rule}, got something that is no database URL") from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite") and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise UnusableDatabaseError(f"{rule}, got {parsed.render_as_string(hide_password=True)!r}")


def open_repository(url: str) -> SqlRepository:
    """Connect to a database, migrate its tables, and return the repository.

    Raise UnusableDatabaseError for an unsupported URL, and SQLAlchemy's errors if there is no connection.
    """
    parsed = read_url(url)
    engine = create_engine(parsed, pool_pre_ping=True)
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin)
    _migrate(engine)
    return SqlRepository(
        engine,
        SqlTokens(engine),
        SqlAssignments(engine),
        SqlSubmissions(engine),
        SqlReports(engine),
        SqlBatches(engine),
        SqlReplies(engine),
        SqlSecrets(engine),
        SqlWorkers(engine),
    )


def _prepare_sqlite(connection: object, entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # `_begin` begins transactions
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # committed data survives a power cut
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_TIMEOUT * 1000}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get(_BEGIN_OPTION, 'DEFERRED')}")


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with _migration_lock(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _migration_lock(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that holds the lock on migrations."""
    with engine.execution_options(**{_BEGIN_OPTION: "IMMEDIATE"}).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        yield connection
