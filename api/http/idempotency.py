"""Idempotency-Key: a repeated request gets the reply to the first one."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from anyio.to_thread import run_sync

from api.http.problems import ProblemError, RefusedError
from api.storage.repository import ReplyStore

RETENTION = timedelta(hours=24)
STALE = timedelta(seconds=60)  # no request takes longer: the process that handled it has died
_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with an Idempotency-Key. caller: the id of its token. fingerprint: of what it asks for."""

    caller: str
    key: str
    fingerprint: bytes
    received: datetime


async def idempotent_reply(
    store: ReplyStore,
    request: KeyedRequest,
    find: Callable[[datetime], Reply | None],
    create: Callable[[datetime], Awaitable[Reply]],
) -> Reply:
    """Return the reply to a request, or the reply to an earlier request with the same key.

    find: returns the reply to an earlier request whose process died before the reply was stored. It blocks.
    create: does the work. Simultaneous calls must do it only once. Both are called with the time of the first
    request with the key.
    Raise ProblemError 422 for a malformed key and for a key that was used for another request, and 409 while
    the first request is being handled.
    """
    claimed = await run_sync(_claim, store, request, find)
    if isinstance(claimed, Reply):
        return claimed
    try:
        reply = await create(claimed)
    except (ProblemError, RefusedError):  # nothing was done; after other errors that is unknown
        await run_sync(store.release, request.caller, request.key)
        raise
    await run_sync(_complete, store, request, reply)
    return reply


def _claim(
    store: ReplyStore, request: KeyedRequest, find: Callable[[datetime], Reply | None]
) -> Reply | datetime:
    """Return the reply to an earlier request with the key, or the time of the first one if it has none yet.

    In the second case the caller does the work, and then completes or releases the claim.
    """
    _check_key(request.key)
    now = request.received
    store.delete_before(now - RETENTION)
    first = store.claim(request.caller, request.key, request.fingerprint, now)
    if first is None:
        return now
    if first.fingerprint != request.fingerprint:
        detail = "the Idempotency-Key was used for another request; use a key for one request alone"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    if first.status is not None:
        return Reply(first.status, first.headers, first.body)
    begun = first.created or now
    existing = find(begun)
    if existing is not None:
        _complete(store, request, existing)
        return existing
    if now - begun < STALE:
        raise in_work()
    return begun


def _complete(store: ReplyStore, request: KeyedRequest, reply: Reply) -> None:
    store.complete(request.caller, request.key, reply.status, reply.headers, reply.body)


def _check_key(key: str) -> None:
    """Raise ProblemError 422 for a key that is empty, too long, or not printable ASCII."""
    if not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        rule = f"expected an Idempotency-Key of 1 to {_LONGEST_KEY} printable ASCII characters"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, rule)


def in_work() -> ProblemError:
    detail = "a request with this Idempotency-Key is in work; try again shortly"
    return ProblemError(HTTPStatus.CONFLICT, detail, {"Retry-After": "2"})
