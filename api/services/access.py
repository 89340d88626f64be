"""Who may do what: what a token opens, and the answer where it does not.

What a token does not open is answered as what does not exist, so that nobody learns what there is.
"""

from hashlib import sha256
from http import HTTPStatus

from api.http.problems import ProblemError
from api.storage.records import Role, StoredAssignment, StoredReport, Token

_LONGEST = 200  # characters that storage keeps of a holder


def opens(token: Token, stored: StoredAssignment) -> bool:
    """Whether a token opens an assignment: it names it, or its holder owns it."""
    owned = token.role is Role.GRADER and stored.owner == token.subject
    return owned or stored.id in token.assignments


def grades(token: Token, stored: StoredAssignment) -> bool:
    return token.role is Role.GRADER and opens(token, stored)


def reads(token: Token, report: StoredReport, stored: StoredAssignment | None) -> bool:
    """Whether a token may read a report: its own where it opens the assignment, or of one that it grades."""
    if stored is not None and grades(token, stored):
        return True
    opened = report.assignment is None or (stored is not None and opens(token, stored))
    return opened and report.owner == owner_of(token)


def owner_of(token: Token) -> str:
    return holder(token.role, token.subject)


def holder(role: Role, subject: str) -> str:
    """Name a holder in a way that tells a student from a grader of the same name, and that a column holds."""
    named = f"{role}:{subject}"
    return named if len(named) <= _LONGEST else f"{role}:{sha256(subject.encode()).hexdigest()}"


def require_role(token: Token, *roles: Role) -> None:
    """Raises: ProblemError 403."""
    if token.role not in roles:
        needed = " or ".join(roles)
        raise ProblemError(HTTPStatus.FORBIDDEN, f"this needs a token of the role {needed}, not {token.role}")


def not_found(what: str) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, f"there is no such {what}, or your token does not open it")
