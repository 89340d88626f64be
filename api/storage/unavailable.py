"""Distinguish errors of a database that is away, locked or full from errors of a statement."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

RETRY_AFTER = 5  # seconds until a client should try again
_READ_ONLY = "25006"  # SQLSTATE of a write on a standby


def is_unavailable(error: BaseException) -> bool:
    """True if a database does not answer, is locked or has no room, so that a later attempt may succeed."""
    if isinstance(error, OperationalError | InterfaceError | NoConnection):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) == _READ_ONLY


def reason_of(error: BaseException) -> str:
    """Return the class of an error and SQLite's words on it, for a log. Other messages may hold values."""
    original = getattr(error, "orig", None)
    if original is None:
        return type(error).__name__
    words = f": {original}" if type(original).__module__ == "sqlite3" else ""
    return f"{type(original).__name__}{words}"
