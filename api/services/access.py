"""Access rules. What a token does not open is answered like something that does not exist."""

from hashlib import sha256
from http import HTTPStatus

from api.http.problems import ProblemError, unauthorized
from api.service import Service
from api.storage.records import Role, StoredAssignment, StoredReport, Token

_LONGEST_OWNER = 200  # characters of the database column


def can_open(token: Token, stored: StoredAssignment) -> bool:
    """True if the token names the assignment, or its holder owns it."""
    owned = token.role is Role.GRADER and stored.owner == token.subject
    return owned or stored.id in token.assignments


def can_grade(token: Token, stored: StoredAssignment) -> bool:
    return token.role is Role.GRADER and can_open(token, stored)


def can_read(token: Token, report: StoredReport, stored: StoredAssignment | None) -> bool:
    """True for graders of the assignment, and for the report's owner while the token opens the assignment."""
    if stored is not None and can_grade(token, stored):
        return True
    open_to_token = report.assignment is None or (stored is not None and can_open(token, stored))
    return open_to_token and report.owner == owner_of(token)


def is_valid(service: Service, token: Token) -> bool:
    """True if a token is still valid: it has not expired, and nobody has revoked it since it was read."""
    stored = service.repository.tokens.find(token.id)
    return stored is not None and stored[0].valid_at(service.now())


def owner_of(token: Token) -> str:
    return owner_name(token.role, token.subject)


def owner_name(role: Role, subject: str) -> str:
    """Return the stored name of an owner. It has the role, and a digest if it would be too long."""
    name = f"{role}:{subject}"
    return name if len(name) <= _LONGEST_OWNER else f"{role}:{sha256(subject.encode()).hexdigest()}"


def require_role(token: Token, *roles: Role) -> None:
    """Raise ProblemError 403 if the token has none of the roles."""
    if token.role not in roles:
        needed = " or ".join(roles)
        raise ProblemError(HTTPStatus.FORBIDDEN, f"this needs a token of the role {needed}, not {token.role}")


def require_checker(service: Service, token: Token | None) -> None:
    """Raise ProblemError 401 or 403 if a caller may not check submissions.

    A check reveals the answer to an assignment, so services can keep checks from students.
    """
    if service.settings.open_checks:
        return
    if token is None:
        raise unauthorized("this service checks for holders of a token: send 'Authorization: Bearer TOKEN'")
    require_role(token, Role.GRADER, Role.CI)


def require_sender(token: Token) -> None:
    """Raise ProblemError 403 if the holder of a token may not send batches."""
    require_role(token, Role.GRADER, Role.CI)


def not_found(kind: str) -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, f"there is no such {kind}, or your token does not open it")
