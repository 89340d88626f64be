"""Issue and authenticate access tokens. Only a digest of a token's secret is stored."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from secrets import token_hex, token_urlsafe

from api.services.names import normalize_name
from api.storage.records import Role, Token
from api.storage.repository import AssignmentStore, TokenStore
from verifier.problem.errors import ErrorCollector

LONGEST_SUBJECT = 200
_PREFIX = "gradjury"
_SECRET_BYTES = 32  # random, so a fast digest is safe
_NO_DIGEST = bytes(32)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LIFETIME = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
_LONGEST_LIFETIME = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The tokens to issue, one for each subject. lifetime: None if they do not expire."""

    role: Role
    subjects: tuple[str, ...]
    assignments: frozenset[str]
    lifetime: timedelta | None


def issue(
    store: TokenStore,
    role: Role,
    subject: str,
    assignments: frozenset[str],
    now: datetime,
    lifetime: timedelta | None,
) -> tuple[Token, str]:
    """Store a new token. Return it, and the text that its holder sends, which is not stored."""
    expires = None if lifetime is None else now + lifetime
    subject = normalize_name(subject) if role is Role.STUDENT else subject
    token = Token(token_hex(8), role, subject, assignments, now, expires)
    secret = token_urlsafe(_SECRET_BYTES)
    store.add(token, _digest(secret))
    return token, f"{_PREFIX}_{token.id}_{secret}"


def authenticate(store: TokenStore, text: str, now: datetime) -> Token | None:
    """Return the token of a text; None if it is unknown, wrong, expired or revoked.

    The digests are compared in constant time, for unknown tokens too.
    """
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    well_formed = prefix == _PREFIX and len(token_id) == 16 and token_id.isascii() and token_id.isalnum()
    stored = store.find(token_id) if well_formed else None
    token, digest = stored if stored is not None else (None, _NO_DIGEST)
    authentic = compare_digest(digest, _digest(secret))
    return token if authentic and token is not None and token.valid_at(now) else None


def read_token_request(
    store: AssignmentStore,
    role: str,
    subjects: Sequence[str],
    assignments: Sequence[str],
    expires: str | None,
) -> TokenRequest:
    """Read the options of `gradjury token create`. Raise MalformedSubmission with all mistakes."""
    errors = ErrorCollector()
    roles = [str(known) for known in Role]
    if role not in roles:
        errors.add("--role", f"one of {', '.join(roles)}", repr(role[:40]))
    for subject in subjects:
        _check_subject(subject, errors)
    repeated = sorted({subject for subject in subjects if subjects.count(subject) > 1})
    for subject in repeated[:20]:
        errors.add("--subjects", "every name once", f"{subject[:60]!r} more than once")
    if not subjects:
        errors.add("--subject", "the holder's name", "nothing", "add --subject NAME, or --subjects FILE")
    if role == Role.STUDENT and not assignments:
        remedy = "add --assignment ID"
        errors.add("--assignment", "the assignments that a student's token opens", "none", remedy)
    for assignment in dict.fromkeys(assignments):
        if "\0" in assignment or store.find(assignment) is None:
            errors.add("--assignment", "the id of a stored assignment", repr(assignment[:60]))
    lifetime = read_lifetime(expires, "--expires", errors)
    errors.raise_if_any()
    return TokenRequest(Role(role), tuple(subjects), frozenset(assignments), lifetime)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()


def _check_subject(subject: str, errors: ErrorCollector) -> None:
    rule = f"a name of 1 to {LONGEST_SUBJECT} characters"
    if not subject.strip():
        errors.add("--subject", rule, "an empty one")
    elif len(subject) > LONGEST_SUBJECT:
        errors.add("--subject", rule, f"{len(subject)} characters")
    elif not subject.isprintable():
        errors.add("--subject", "a name of printable characters", repr(subject[:60]))


def read_lifetime(text: str | None, place: str, errors: ErrorCollector) -> timedelta | None:
    """Return a lifetime such as 30d; note a mistake at a place of the document, or an option."""
    if text is None:
        return None
    match = _LIFETIME.fullmatch(text)
    lifetime = None if match is None else timedelta(**{_UNITS[match[2]]: int(match[1])})
    if lifetime is None or lifetime > _LONGEST_LIFETIME:
        rule = f"a lifetime such as 30d, in {', '.join(_UNITS)}, of at most {_LONGEST_LIFETIME.days} days"
        errors.add(place, rule, repr(text[:40]))
    return lifetime
