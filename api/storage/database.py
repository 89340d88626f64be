"""From a database's URL to its repository: SQLite in a file, or Postgres; migrated before use."""

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
from api.storage.batches import SqlBatches
from api.storage.replies import SqlReplies
from api.storage.reports import SqlReports
from api.storage.secrets import SqlSecrets
from api.storage.submissions import SqlSubmissions
from api.storage.tokens import SqlTokens
from api.storage.workers import SqlWorkers

_MIGRATIONS = Path(__file__).with_name("migrations")
_PATIENCE = 30  # seconds that a connection to SQLite waits for another's writing
_KIND = "sqlite_begin"  # the option of a connection that says how its transactions begin
_LOCK = 7_318_202  # of Postgres: one process migrates at a time


class UnusableDatabaseError(Exception):
    """A URL that names no database we know; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class SqlRepository:
    """A `Repository` over one engine."""

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
    """Read `sqlite:///FILE` or `postgresql://…`. Raises: UnusableDatabaseError."""
    rule = "expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    try:
        read = make_url(url)
    except ArgumentError:
        raise UnusableDatabaseError(f"{rule}, got something that is no database URL") from None
    if read.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return read.set(drivername="postgresql+psycopg")
    if read.drivername in ("sqlite", "sqlite+pysqlite") and read.database not in (None, "", ":memory:"):
        return read
    raise UnusableDatabaseError(f"{rule}, got {read.render_as_string(hide_password=True)!r}")


def open_repository(url: str) -> SqlRepository:
    """Connect, bring the tables up to date, and give the repository.

    Raises: UnusableDatabaseError; sqlalchemy's errors where the database cannot be reached.
    """
    read = read_url(url)
    engine = create_engine(read, pool_pre_ping=True)
    if read.get_backend_name() == "sqlite":
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
    connection.isolation_level = None  # type: ignore[attr-defined]  # transactions begin where we say
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # what was answered survives a power cut
        "foreign_keys=ON",
        f"busy_timeout={_PATIENCE * 1000}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get(_KIND, 'DEFERRED')}")


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with _alone(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that no other process migrates beside."""
    with engine.execution_options(**{_KIND: "IMMEDIATE"}).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection
