"""Tokens: made once, shown once, kept as digests, compared in constant time."""

from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from secrets import token_hex, token_urlsafe

from api.storage.records import Role, Token
from api.storage.repository import TokenStore

_PREFIX = "gradjury"
_SECRET_BYTES = 32  # so many random ones need no slow digest
_NO_DIGEST = bytes(32)


def issue(
    store: TokenStore,
    role: Role,
    subject: str,
    assignments: frozenset[str],
    now: datetime,
    lifetime: timedelta | None,
) -> tuple[Token, str]:
    """Make a token and keep it; the text is what its holder sends, and is not kept."""
    expires = None if lifetime is None else now + lifetime
    token = Token(token_hex(8), role, subject, assignments, now, expires)
    secret = token_urlsafe(_SECRET_BYTES)
    store.add(token, _digest(secret))
    return token, f"{_PREFIX}_{token.id}_{secret}"


def authenticate(store: TokenStore, text: str, now: datetime) -> Token | None:
    """Give the token that a text proves; None for unknown, wrong, expired and revoked ones alike."""
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    possible = prefix == _PREFIX and len(token_id) == 16 and token_id.isascii() and token_id.isalnum()
    found = store.find(token_id) if possible else None
    token, digest = found if found is not None else (None, _NO_DIGEST)
    proved = compare_digest(digest, _digest(secret))
    return token if proved and token is not None and token.valid_at(now) else None


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()
