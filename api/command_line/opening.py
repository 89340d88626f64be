"""Open the settings and the database for the commands of the service, or refuse in a line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from verifier.report.verdict import ExitStatus

if TYPE_CHECKING:
    from api.settings import Settings
    from api.storage.repository import Repository

# what Postgres's client says; the rest of its messages may hold the password
_REASONS = ("Connection refused", "timeout expired", "Name or service not known", "No route to host",
            "too many clients", "No such file or directory")  # fmt: skip


def refuse(message: str) -> NoReturn:
    """Print a message to stderr and exit with status 2."""
    typer.echo(message, err=True)
    raise typer.Exit(int(ExitStatus.MALFORMED))


def refuse_missing(error: ModuleNotFoundError) -> NoReturn:
    """Name a package of the service that is not installed, and exit with status 2."""
    refuse(
        f"the service needs packages that are not installed ({error.name}): pip install 'gradjury[service]'"
    )


def read_settings_or_refuse(database_url: str | None = None) -> "Settings":
    """Return the settings; an option goes before the environment. Exit with status 2 and all problems."""
    try:
        from api.settings import InvalidSettingsError, read_settings  # needs gradjury[service]
    except ModuleNotFoundError as error:
        refuse_missing(error)
    try:
        return read_settings(database_url=database_url)
    except InvalidSettingsError as error:
        refuse("\n".join(error.problems))


@contextmanager
def open_repository(url: str | None, *, creates: bool = False) -> "Iterator[Repository]":
    """Open the database of the settings, or of a URL, or exit with status 2 and the reason.

    creates: whether a SQLite file that does not exist is made. Only the service does so: a command that runs
    in another folder would work on an empty database of its own.
    """
    settings = read_settings_or_refuse(url)
    from alembic.util import CommandError  # needs gradjury[service]
    from sqlalchemy.exc import SQLAlchemyError

    from api.storage.database import UnusableDatabaseError, database_file, read_url
    from api.storage.database import open_repository as open_database
    from api.storage.work_queue import check_sqlite

    try:
        file = database_file(settings.database_url)
        if file is not None and not creates and not file.exists():
            refuse(missing_database(file))
        check_sqlite(read_url(settings.database_url))
        repository = open_database(settings.database_url, settings.database_wait)
    except UnusableDatabaseError as error:
        refuse(str(error))
    except CommandError:  # it does not know the revision of the tables
        refuse(
            "the tables of the database are of a newer release; install that one (pip install --upgrade "
            "'gradjury[service]'), or take a backup from before the upgrade"
        )
    except SQLAlchemyError as error:
        refuse(database_trouble(settings.database_url, error))
    try:
        yield repository
    finally:
        repository.close()


def missing_database(file: Path) -> str:
    """Return the message for a SQLite file that is not there."""
    return (
        f"there is no database at {file.absolute()}; run this in the folder of the service, or name its "
        "database: --database-url sqlite:///FILE, or GRADJURY_DATABASE_URL. gradjury serve makes a new one"
    )


def database_trouble(url: str, error: Exception) -> str:
    """Return why a database cannot be opened, and a remedy. The error itself may hold the password."""
    from sqlalchemy import make_url  # needs gradjury[service]

    parsed, text = make_url(url), str(error)
    if parsed.get_backend_name() == "sqlite":
        file = Path(str(parsed.database))
        if "locked" in text:
            return f"{file} is in use by another process; end that one, or name another file"
        if "not a database" in text or "malformed" in text:
            return f"{file} is no SQLite database, or a damaged one; name another file, or restore a backup"
        kind = "is a folder" if file.is_dir() else "cannot be opened"
        return f"{file} {kind}; name a file in a folder that you may write to: --database-url sqlite:///FILE"
    server = f"{parsed.host or 'this machine'}, port {parsed.port or 5432}"
    if "authentication" in text or "no password supplied" in text:
        return f"the database server at {server} refuses the user or the password; see --database-url"
    if "does not exist" in text:
        return f"the database server at {server} has no database {parsed.database!r}; create it (createdb)"
    reason = next((words for words in _REASONS if words.lower() in text.lower()), type(error).__name__)
    return f"the database server at {server} cannot be reached ({reason}); start it, or see --database-url"
