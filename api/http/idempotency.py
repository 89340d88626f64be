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


def check_key(key: str) -> None:
    """Raise ProblemError 422 for a key that is empty, too long, or not printable ASCII."""
    if not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        rule = f"expected an Idempotency-Key of 1 to {_LONGEST_KEY} printable ASCII characters"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, rule)


def claim_reply(
    store: ReplyStore,
    caller: str,
    key: str,
    fingerprint: bytes,
    now: datetime,
    find: Callable[[datetime], Reply | None],
) -> Reply | datetime:
    """Return the reply to an earlier request with the key, or the time of the first one if it has none yet.

    In the second case the caller does the work, and then completes or releases the claim.
    find: returns the reply to an earlier request whose process died before the reply was stored.
    Raise ProblemError 422 if the key was used for another request, 409 while the first one is being handled.
    """
    store.delete_before(now - RETENTION)
    first = store.claim(caller, key, fingerprint, now)
    if first is None:
        return now
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
        raise in_work()
    return begun


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

    create: does the work. Simultaneous calls must do it only once. It is called with the time of the first
    request with the key.
    Raise ProblemError as `claim_reply`.
    """
    claimed = claim_reply(store, caller, key, fingerprint, now, find)
    if isinstance(claimed, Reply):
        return claimed
    try:
        reply = create(claimed)
    except ProblemError:  # nothing was done; after any other error that is unknown, and the claim stays
        store.release(caller, key)
        raise
    store.complete(caller, key, reply.status, reply.headers, reply.body)
    return reply


async def await_idempotent_reply(
    store: ReplyStore,
    caller: str,
    key: str,
    fingerprint: bytes,
    now: datetime,
    find: Callable[[datetime], Reply | None],
    create: Callable[[datetime], Awaitable[Reply]],
) -> Reply:
    """The same as `idempotent_reply` for work that is awaited, such as judging."""
    check_key(key)
    claimed = await run_sync(claim_reply, store, caller, key, fingerprint, now, find)
    if isinstance(claimed, Reply):
        return claimed
    try:
        reply = await create(claimed)
    except (ProblemError, RefusedError):
        await run_sync(store.release, caller, key)
        raise
    await run_sync(store.complete, caller, key, reply.status, reply.headers, reply.body)
    return reply


def in_work() -> ProblemError:
    detail = "a request with this Idempotency-Key is in work; try again shortly"
    return ProblemError(HTTPStatus.CONFLICT, detail, {"Retry-After": "2"})
