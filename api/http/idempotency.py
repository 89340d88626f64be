"""Requests with an Idempotency-Key: answered once, and the same again whenever they come again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from api.http.problems import ProblemError
from api.storage.repository import ReplyStore

KEPT = timedelta(hours=24)
STALE = timedelta(seconds=60)  # a request takes no longer; its process died
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


def check_key(key: str) -> None:
    """Raises: ProblemError 422."""
    if not (0 < len(key) <= _LONGEST and key.isascii() and key.isprintable()):
        rule = f"expected an Idempotency-Key of 1 to {_LONGEST} printable ASCII characters"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, rule)


def answered_once(
    store: ReplyStore,
    caller: str,
    key: str,
    fingerprint: bytes,
    now: datetime,
    made: Callable[[datetime], Reply | None],
    make: Callable[[datetime], Reply],
) -> Reply:
    """Answer a request, or give the answer to the one that came before with the same key.

    made and make are given when the first of them came. made: gives the answer if the work of that moment is
    done, though its process died before it could say so. make: does it, and once for that moment, whoever
    else does it at the same time.
    Raises: ProblemError 422 for another request under the key, 409 while the first is in work.
    """
    store.delete_before(now - KEPT)
    known = store.claim(caller, key, fingerprint, now)
    begun = now
    if known is not None:
        if known.fingerprint != fingerprint:
            detail = "the Idempotency-Key was used for another request; use a key for one request alone"
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        if known.status is not None:
            return Reply(known.status, known.headers, known.body)
        begun = known.created or now
        done = made(begun)
        if done is not None:
            store.complete(caller, key, done.status, done.headers, done.body)
            return done
        if now - begun < STALE:
            detail = "a request with this Idempotency-Key is in work; try again shortly"
            raise ProblemError(HTTPStatus.CONFLICT, detail, {"Retry-After": "2"})
    try:
        answer = make(begun)
    except ProblemError:  # nothing was done; after any other error that is unknown, and the claim stays
        store.release(caller, key)
        raise
    store.complete(caller, key, answer.status, answer.headers, answer.body)
    return answer
