"""What a grader asks tokens for, read as a whole before any is made."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from api.storage.records import Role
from api.storage.repository import AssignmentStore
from verifier.documents.mistakes import Mistakes

LONGEST_SUBJECT = 200
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LIFETIME = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
_LONGEST_LIFETIME = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """subjects: one token each. lifetime: None for tokens that do not expire."""

    role: Role
    subjects: tuple[str, ...]
    assignments: frozenset[str]
    lifetime: timedelta | None


def read_request(
    store: AssignmentStore,
    role: str,
    subjects: Sequence[str],
    assignments: Sequence[str],
    expires: str | None,
) -> TokenRequest:
    """Read what the command line was given. Raises: MalformedSubmission with everything that is wrong."""
    mistakes = Mistakes()
    roles = [str(each) for each in Role]
    if role not in roles:
        mistakes.add("--role", f"one of {', '.join(roles)}", repr(role[:40]))
    for subject in subjects:
        _check_subject(subject, mistakes)
    twice = sorted({subject for subject in subjects if subjects.count(subject) > 1})
    for subject in twice[:20]:
        mistakes.add("--subjects", "every name once", f"{subject[:60]!r} more than once")
    if not subjects:
        mistakes.add("--subject", "the holder's name", "nothing", "add --subject NAME, or --subjects FILE")
    if role == Role.STUDENT and not assignments:
        remedy = "add --assignment ID"
        mistakes.add("--assignment", "the assignments that a student's token opens", "none", remedy)
    for assignment in dict.fromkeys(assignments):
        if "\0" in assignment or store.find(assignment) is None:
            mistakes.add("--assignment", "the id of a stored assignment", repr(assignment[:60]))
    lifetime = _read_lifetime(expires, mistakes)
    mistakes.raise_if_any()
    return TokenRequest(Role(role), tuple(subjects), frozenset(assignments), lifetime)


def _check_subject(subject: str, mistakes: Mistakes) -> None:
    rule = f"a name of 1 to {LONGEST_SUBJECT} characters"
    if not subject.strip():
        mistakes.add("--subject", rule, "an empty one")
    elif len(subject) > LONGEST_SUBJECT:
        mistakes.add("--subject", rule, f"{len(subject)} characters")
    elif not subject.isprintable():
        mistakes.add("--subject", "a name of printable characters", repr(subject[:60]))


def _read_lifetime(text: str | None, mistakes: Mistakes) -> timedelta | None:
    if text is None:
        return None
    found = _LIFETIME.fullmatch(text)
    lifetime = None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
    if lifetime is None or lifetime > _LONGEST_LIFETIME:
        rule = f"a lifetime such as 30d, in {', '.join(_UNITS)}, of at most {_LONGEST_LIFETIME.days} days"
        mistakes.add("--expires", rule, repr(text[:40]))
    return lifetime
