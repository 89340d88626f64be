"""Who may do what: what a token opens, and the answer where it does not.

What a token does not open is answered as what does not exist, so that nobody learns what there is.
"""

from http import HTTPStatus

from api.problems import ProblemError
from api.storage.records import Role, StoredAssignment, StoredReport, Token


def opens(token: Token, stored: StoredAssignment) -> bool:
    """Whether a token opens an assignment: it names it, or its holder owns it."""
    owned = token.role is Role.GRADER and stored.owner == token.subject
    return owned or stored.id in token.assignments


def grades(token: Token, stored: StoredAssignment) -> bool:
    return token.role is Role.GRADER and opens(token, stored)


def reads(token: Token, report: StoredReport, stored: StoredAssignment | None) -> bool:
    """Whether a token may read a report: its own, or of an assignment that it grades."""
    if stored is not None and grades(token, stored):
        return True
    return report.owner == owner_of(token)


def owner_of(token: Token) -> str:
    """Name the holder in a way that tells a student from a grader of the same name."""
    return f"{token.role}:{token.subject}"


def require_role(token: Token, *roles: Role) -> None:
    """Raises: ProblemError 403."""
    if token.role not in roles:
        needed = " or ".join(roles)
        raise ProblemError(HTTPStatus.FORBIDDEN, f"this needs a token of the role {needed}, not {token.role}")


def not_found(what: str) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, f"there is no such {what}, or your token does not open it")
