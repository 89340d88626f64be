"""Tokens of students, which graders issue, list and revoke for their assignments."""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from api.http.problems import ProblemError
from api.service import Service
from api.services.access import can_grade, not_found
from api.services.audit import log_change
from api.services.roster import read_name, roster_of, token_state
from api.services.tokens import issue, read_lifetime
from api.storage.records import Role, StoredAssignment, Token
from verifier.documents.json import parse
from verifier.problem.errors import ErrorCollector, check_fields, describe

LARGEST_REQUEST = 2**20  # bytes
_FIELDS = ("students", "expires")


@dataclass(frozen=True, slots=True)
class StudentTokenRequest:
    """students: None for everybody on the roster who has no valid token."""

    students: tuple[str, ...] | None
    lifetime: timedelta | None


def read_student_token_request(document: Any) -> StudentTokenRequest:
    """Return the request in a document. Raise MalformedSubmission with all mistakes."""
    errors = ErrorCollector()
    if not isinstance(document, dict):
        errors.add("", 'an object such as {"students": ["ada"], "expires": "26w"}', describe(document))
        errors.raise_if_any()
    check_fields(document, _FIELDS, (), errors)
    names, expires = document.get("students"), document.get("expires")
    students: dict[str, None] = {}
    if names is not None and not isinstance(names, list):
        errors.add("/students", "a list of names", describe(names), "leave it out for the whole roster")
    elif names is not None:
        for index, value in enumerate(names):
            name = read_name(value, ("students", index), errors)
            if name in students:
                errors.add(("students", index), "every name once", f"{name[:60]!r} more than once")
            elif name is not None:
                students[name] = None
    if expires is not None and not isinstance(expires, str):
        errors.add("/expires", "a lifetime such as 30d", describe(expires))
        expires = None
    lifetime = read_lifetime(expires, "/expires", errors)
    errors.raise_if_any()
    return StudentTokenRequest(None if names is None else tuple(students), lifetime)


def issue_student_tokens(
    service: Service, caller: Token, stored: StoredAssignment, content: bytes
) -> list[dict[str, Any]]:
    """Issue a token for an assignment to each student of a request, and return them: only this once.

    Raise MalformedSubmission with all mistakes.
    """
    request = read_student_token_request(parse(content, service.settings.bounds))
    students = request.students
    if students is None:
        roster = roster_of(service, stored, ())
        students = tuple(student.name for student in roster if student.token != "valid")
    moment, opens = service.now(), frozenset((stored.id,))
    rows = []
    for student in students:
        token, text = issue(service.repository.tokens, Role.STUDENT, student, opens, moment, request.lifetime)
        rows.append(token_document(service, token) | {"token": text})
    log_change(caller, "create tokens", stored.id, students=len(rows))
    return rows


def list_student_tokens(service: Service, stored: StoredAssignment) -> list[dict[str, Any]]:
    """Return the students' tokens that open an assignment as JSON, without their secrets."""
    return [token_document(service, token) for token in service.repository.tokens.of_students(stored.id)]


def revoke_student_token(service: Service, caller: Token, stored: StoredAssignment, token_id: str) -> None:
    """Revoke a student's token. Raise ProblemError 404 for none, 409 if it opens what others grade."""
    row = None if "\0" in token_id else service.repository.tokens.find(token_id)
    if row is None or row[0].role is not Role.STUDENT or stored.id not in row[0].assignments:
        raise not_found("token")
    opened = [service.repository.assignments.find(each) for each in row[0].assignments]
    if any(each is not None and not can_grade(caller, each) for each in opened):
        detail = "the token opens assignments of other graders, too; ask who runs the service to revoke it"
        raise ProblemError(HTTPStatus.CONFLICT, detail)
    service.repository.tokens.revoke(token_id, service.now())
    log_change(caller, "revoke token", stored.id)


def token_document(service: Service, token: Token) -> dict[str, Any]:
    """Return a token as JSON, without its secret."""
    return {
        "id": token.id,
        "role": token.role,
        "subject": token.subject,
        "state": token_state(token, service.now()),
        "created": token.created.isoformat(),
        "expires": None if token.expires is None else token.expires.isoformat(),
    }
