"""A database that cannot be reached for a while is waited for: that is no outcome of a submission."""

import logging
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from threading import Event
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

_T = TypeVar("_T")
_FIRST, _LONGEST = 0.1, 5.0  # seconds between tries
_LOG = logging.getLogger("gradjury")


class Interrupted(BaseException):
    """The worker stops; what it was at is left to whoever comes next.

    Like KeyboardInterrupt no error: DBOS keeps errors as outcomes, and this is none.
    """


def passing(error: BaseException) -> bool:
    """Whether an error is of the surroundings, and trying again later may help."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, OperationalError | InterfaceError | NoConnection | BrokenProcessPool)


def patiently(action: Callable[[], _T], stopping: Event) -> _T:
    """Do something until the surroundings allow it. Raises: Interrupted when it is time to stop."""
    pause = _FIRST
    while True:
        try:
            return action()
        except Exception as error:
            if not passing(error):
                raise
            _LOG.warning("%s; trying again in %.1f s", type(error).__name__, pause)
        if stopping.wait(pause):
            raise Interrupted
        pause = min(2 * pause, _LONGEST)
