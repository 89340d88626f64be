"""Create, read and change assignments."""

import logging
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from anyio.to_thread import run_sync

from api.http.problems import ProblemError
from api.problem import StoredProblem
from api.service import Service, is_id, new_id
from api.services.access import can_grade, can_open, not_found, require_role
from api.services.cached import recent
from api.services.checks import read
from api.storage.records import AssignmentRow, Role, StoredAssignment, Token
from api.workers.protocol import ReadTask
from verifier.documents.assignment import instance_key, read_stored_rules, rules_to_document
from verifier.documents.json import parse
from verifier.report.assignment import Assignment

_LOG = logging.getLogger("gradjury")
_INSTANCES_KEPT = 64 * 2**20  # bytes of problems with numbers of students' own


def list_assignments(service: Service, caller: Token) -> list[AssignmentRow]:
    """Return the assignments that a token opens, newest first; to others than graders once they open."""
    grader = caller.role is Role.GRADER
    owner, moment = caller.subject if grader else None, service.now()
    rows = service.repository.assignments.list(owner, caller.assignments)
    return [row for row in rows if grader or row.has_opened(moment)]


def get_assignment(service: Service, caller: Token, assignment_id: str) -> StoredAssignment:
    """Return an assignment that the caller's token opens. Raise ProblemError 404 for any other."""
    stored = service.repository.assignments.find(assignment_id) if is_id(assignment_id) else None
    if stored is None or not can_open(caller, stored):
        raise not_found("assignment")
    return stored


def get_graded_assignment(service: Service, caller: Token, assignment_id: str) -> StoredAssignment:
    """Return an assignment that the caller grades. Raise ProblemError 404 or 403 for any other."""
    stored = get_assignment(service, caller, assignment_id)
    if not can_grade(caller, stored):
        require_role(caller, Role.GRADER)
    return stored


async def create_assignment(service: Service, caller: Token, content: bytes) -> StoredAssignment:
    """Store a grader's new assignment. Raise RefusedError with all mistakes in the document."""
    assignment = await _read(service, content)
    stored = StoredAssignment(new_id(), caller.subject, assignment, 1, service.now())
    await run_sync(service.repository.assignments.add, stored)
    return stored


async def change_assignment(service: Service, stored: StoredAssignment, content: bytes) -> StoredAssignment:
    """Replace an assignment. Earlier submissions keep their results until they are regraded.

    Raise RefusedError with all mistakes in the document, ProblemError 409 if the assignment was changed since
    `stored` was read.
    """
    assignment = await _read(service, content)
    changed = await run_sync(service.repository.assignments.update, stored.id, assignment, stored.revision)
    if changed is None:
        raise ProblemError(HTTPStatus.CONFLICT, "somebody else changed the assignment meanwhile; try again")
    return changed


def notice_of_open_checks(service: Service) -> str | None:
    """Return what a grader must know where anybody may check; None where checks need a token."""
    if not service.settings.open_checks:
        return None
    return (
        "checks are open: whoever has the problem, every student too, can have POST /v1/checks tell the "
        "gradient; set GRADJURY_OPEN_CHECKS=false where the answer is to stay hidden"
    )


def warn_of_open_checks(service: Service) -> None:
    """Log that checks are open, if there is an assignment whose answer they tell."""
    notice = notice_of_open_checks(service)
    if notice is not None and service.repository.assignments.exist():
        _LOG.warning("there are assignments, and %s", notice)


def check_opened(service: Service, stored: StoredAssignment, caller: Token) -> None:
    """Raise ProblemError 403 before an assignment opens, to others than its graders."""
    opening = stored.assignment.opens
    if opening is not None and service.now() < opening and not can_grade(caller, stored):
        raise ProblemError(HTTPStatus.FORBIDDEN, f"the assignment opens at {opening.isoformat()}")


def assignment_document(service: Service, stored: StoredAssignment, caller: Token) -> dict[str, Any]:
    """Return an assignment without its problem as JSON, as the caller may see it.

    Raise ProblemError as `check_opened`.
    """
    document = rules_to_document(stored.assignment)
    record = {"id": stored.id, "revision": stored.revision, "created": stored.created.isoformat()}
    if can_grade(caller, stored):
        return {**record, "owner": stored.owner, **document}
    check_opened(service, stored, caller)
    if stored.assignment.attempts is not None and caller.role is Role.STUDENT:
        used = service.repository.submissions.count(stored.id, caller.subject)
        document["attempts_left"] = max(0, stored.assignment.attempts - used)
    return {**record, **document}


def student_key(service: Service, stored: StoredAssignment, student: str) -> bytes:
    """Return the key of a student's numbers; empty if all have the same."""
    if not stored.assignment.per_student:
        return b""
    return instance_key(service.instance_secret(), stored.id, student)


async def problem_for(service: Service, stored: StoredAssignment, caller: Token) -> bytes:
    """Return the JSON problem as the caller may see it: to others than graders with numbers of their own."""
    text = stored.problem.json
    if can_grade(caller, stored) or not stored.assignment.per_student:
        return text
    key = await run_sync(student_key, service, stored, caller.subject)

    async def generate() -> bytes:
        return (await read(service, ReadTask(text, "instance", service.settings.bounds, key))).content

    name = f"{stored.id} {stored.revision} {caller.subject}"
    return await recent(service, "instances", _INSTANCES_KEPT, name, generate, len(text))


async def _read(service: Service, content: bytes) -> Assignment:
    """Return an assignment that a worker has read: parsing it here would hold up everybody."""
    document = await read(service, ReadTask(content, "assignment", service.settings.bounds))
    problem = StoredProblem(document.content, dict(document.shapes), document.of_graph)
    return replace(read_stored_rules(parse(document.rules), problem), warnings=document.warnings)
