"""Retry while the database is unreachable: an outage must not fail a submission."""

import logging
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from api.services.checks import is_transient

_T = TypeVar("_T")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds
_LOG = logging.getLogger("gradjury")


class Interrupted(BaseException):
    """The worker stops; another one takes over its work.

    It is no Exception, because DBOS stores exceptions as the outcome of a workflow.
    """


def retry_while_unavailable(action: Callable[[], _T], stopping: Event) -> _T:
    """Return the result of an action; repeat it after transient errors.

    Raise Interrupted if `stopping` is set before it succeeds.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            return action()
        except Exception as error:
            if not is_transient(error):
                raise
            _LOG.warning("%s; retrying in %.1f s", type(error).__name__, pause)
        if stopping.wait(pause):
            raise Interrupted
        pause = min(2 * pause, _LONGEST_PAUSE)
