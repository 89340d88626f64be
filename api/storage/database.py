"""Open a repository from a database URL: a SQLite file or Postgres. Its tables are migrated first."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from api.storage import tables
from api.storage.assignments import SqlAssignments
from api.storage.batches import SqlBatches, SqlWorkers
from api.storage.replies import SqlReplies
from api.storage.roster import SqlRoster
from api.storage.submissions import SqlReports, SqlSubmissions
from api.storage.tokens import SqlSecrets, SqlTokens

_MIGRATIONS = Path(__file__).with_name("migrations")
WAIT = 3  # seconds to wait for a connection or another one's write; then the request is answered with 503
_LEAST_CONNECT_TIMEOUT = 2  # seconds; libpq takes no less
_MIGRATION_TIMEOUT = 60  # seconds to wait for another process's migration
_PROBE_TIMEOUT = 1  # seconds that a readiness check waits for another connection's write
_PRIVATE = 0o600  # the file has the key that signs reports
_BEGIN_OPTION = "sqlite_begin"  # execution option: the kind of a SQLite transaction
_MOMENTS = (tables.submissions.c.received, tables.tokens.c.created, tables.workers.c.seen)
_MIGRATION_LOCK = 7_318_202  # key of a Postgres advisory lock: one process migrates at a time


class UnusableDatabaseError(Exception):
    """A URL of no supported database. The message has the expected form."""


@dataclass(frozen=True, slots=True)
class SqlRepository:
    """A `Repository` on one SQLAlchemy engine.

    probe: an engine without a pool, so that a readiness check waits for no request.
    """

    engine: Engine
    probe: Engine
    tokens: SqlTokens
    assignments: SqlAssignments
    submissions: SqlSubmissions
    roster: SqlRoster
    reports: SqlReports
    batches: SqlBatches
    replies: SqlReplies
    secrets: SqlSecrets
    workers: SqlWorkers

    def check(self) -> None:
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def check_writable(self) -> None:
        with self.probe.begin() as connection:
            connection.execute(text("UPDATE probes SET writes = writes + 1"))

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


def masked_url(url: str) -> str:
    """Return a database URL without its password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return "(no database URL)"
    query = {name: "***" if name == "password" else value for name, value in parsed.query.items()}
    return parsed.set(query=query).render_as_string(hide_password=True)


def database_file(url: str) -> Path | None:
    """Return the file of a SQLite database; None for Postgres. Raise UnusableDatabaseError as `read_url`."""
    parsed = read_url(url)
    name = str(parsed.database)
    return Path(name) if parsed.get_backend_name() == "sqlite" and not name.startswith("file:") else None


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The state of a database, without bringing its tables up to date.

    revision: of its tables; None if there are none. newest: of this release; `known` if it has `revision`.
    clock: the time of its server; of SQLite that of this machine. latest: of the moments stored.
    workers: when each worker was last alive.
    """

    revision: str | None
    newest: str
    known: bool
    clock: datetime
    latest: datetime | None
    workers: tuple[datetime, ...]


def examine_database(url: str) -> DatabaseState:
    """Read the state of a database, and write a row of it. Raise the database's error if that fails."""
    engine = _create_engine(read_url(url), _PROBE_TIMEOUT, poolclass=NullPool)
    scripts = ScriptDirectory.from_config(_migration_config())
    newest = str(scripts.get_current_head())
    with engine.begin() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
        clock = datetime.now(UTC)
        if engine.dialect.name == "postgresql":
            clock = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        known = revision in {script.revision for script in scripts.walk_revisions()}
        latest, workers = None, list[datetime]()
        if revision == newest:
            connection.execute(text("UPDATE probes SET writes = writes + 1"))
            workers = list(connection.execute(select(tables.workers.c.seen)).scalars())
            moments = [connection.execute(select(func.max(column))).scalar() for column in _MOMENTS]
            latest = max((moment for moment in moments if moment is not None), default=None)
    return DatabaseState(revision, newest, known, clock, latest, tuple(workers))


def open_repository(url: str, wait: int = WAIT) -> SqlRepository:
    """Connect to a database, migrate its tables, and return the repository.

    wait: seconds to wait for a connection, or for another connection's write.
    Raise UnusableDatabaseError for an unsupported URL, and SQLAlchemy's errors if there is no connection.
    """
    parsed = read_url(url)
    _migrate(_create_engine(parsed, _MIGRATION_TIMEOUT, poolclass=NullPool))
    engine = _create_engine(parsed, wait, pool_timeout=wait)
    return SqlRepository(
        engine,
        _create_engine(parsed, _PROBE_TIMEOUT, poolclass=NullPool),
        SqlTokens(engine),
        SqlAssignments(engine),
        SqlSubmissions(engine),
        SqlRoster(engine),
        SqlReports(engine),
        SqlBatches(engine),
        SqlReplies(engine),
        SqlSecrets(engine),
        SqlWorkers(engine),
    )


def protect_file(url: URL) -> None:
    """Create the file of a SQLite database for its owner alone, or take it from others.

    SQLite gives the files -wal and -shm the mode of the database.
    """
    name = str(url.database)
    if url.get_backend_name() != "sqlite" or name.startswith("file:"):
        return
    with suppress(OSError):  # connecting to it names the reason
        os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE))
    for path in map(Path, (name, f"{name}-wal", f"{name}-shm")):  # of an earlier release
        with suppress(OSError):  # no file is opened here: closing it would end SQLite's locks
            mode = path.stat().st_mode
            if stat.S_ISREG(mode) and stat.S_IMODE(mode) & ~_PRIVATE:
                path.chmod(_PRIVATE)


def _create_engine(url: URL, wait: int, **options: Any) -> Engine:
    """Return an engine. wait: seconds that a statement waits for a lock."""
    if url.get_backend_name() == "sqlite":
        protect_file(url)
        engine = create_engine(url, pool_pre_ping=True, json_deserializer=orjson.loads, **options)
        event.listen(engine, "connect", lambda connection, _: _prepare_sqlite(connection, wait))
        event.listen(engine, "begin", _begin)
        return engine
    arguments = (
        {} if "connect_timeout" in url.query else {"connect_timeout": max(wait, _LEAST_CONNECT_TIMEOUT)}
    )
    options |= {"connect_args": arguments, "json_deserializer": orjson.loads}
    engine = create_engine(url, pool_pre_ping=True, **options)
    event.listen(engine, "connect", lambda connection, _: _prepare_postgres(connection, wait))
    return engine


def _prepare_sqlite(connection: Any, wait: int) -> None:
    connection.isolation_level = None  # `_begin` begins transactions
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={wait * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",  # committed data survives a power cut
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgres(connection: Any, wait: int) -> None:
    connection.execute(f"SET lock_timeout = '{wait}s'")
    connection.commit()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get(_BEGIN_OPTION, 'DEFERRED')}")


def _migrate(engine: Engine) -> None:
    config = _migration_config()
    with _migration_lock(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _migration_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


@contextmanager
def _migration_lock(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that holds the lock on migrations."""
    with engine.execution_options(**{_BEGIN_OPTION: "IMMEDIATE"}).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        yield connection
