"""Idempotency-Key: a repeated request gets the reply to the first one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from api.http.problems import ProblemError
from api.storage.repository import ReplyStore

RETENTION = timedelta(hours=24)
STALE = timedelta(seconds=60)  # no request takes longer: the process that handled it has died
_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


def check_key(key: str) -> None:
    """Raise ProblemError 422 for a key that is empty, too long, or not printable ASCII."""
    if not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        rule = f"expected an Idempotency-Key of 1 to {_LONGEST_KEY} printable ASCII characters"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, rule)


def idempotent_reply(
    store: ReplyStore,
    caller: str,
    key: str,
    fingerprint: bytes,
    now: datetime,
    find: Callable[[datetime], Reply | None],
    create: Callable[[datetime], Reply],
) -> Reply:
    """Return the reply to a request, or the stored reply to an earlier request with the same key.

    find: returns the reply to an earlier request whose process died before the reply was stored.
    create: does the work. Simultaneous calls must do it only once.
    Both are called with the time of the first request with the key.
    Raise ProblemError 422 if the key was used for another request, 409 while the first one is being handled.
    """
    store.delete_before(now - RETENTION)
    first = store.claim(caller, key, fingerprint, now)
    begun = now
    if first is not None:
        if first.fingerprint != fingerprint:
            detail = "the Idempotency-Key was used for another request; use a key for one request alone"
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        if first.status is not None:
            return Reply(first.status, first.headers, first.body)
        begun = first.created or now
        existing = find(begun)
        if existing is not None:
            store.complete(caller, key, existing.status, existing.headers, existing.body)
            return existing
        if now - begun < STALE:
            detail = "a request with this Idempotency-Key is in work; try again shortly"
            raise ProblemError(HTTPStatus.CONFLICT, detail, {"Retry-After": "2"})
    try:
        reply = create(begun)
    except ProblemError:  # nothing was done; after any other error that is unknown, and the claim stays
        store.release(caller, key)
        raise
    store.complete(caller, key, reply.status, reply.headers, reply.body)
    return reply
