"""Create, read and change assignments."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Literal

import orjson
from anyio.to_thread import run_sync

from api.http.idempotency import KeyedRequest, Reply, idempotent_reply
from api.http.problems import ProblemError
from api.problem import StoredProblem, stored_problem
from api.service import Service, is_id, new_id
from api.services.access import can_grade, can_open, not_found, require_role
from api.services.audit import log_change
from api.services.cached import recent
from api.services.checks import read
from api.storage.records import (
    AssignmentListing,
    AssignmentState,
    Role,
    StoredAssignment,
    Token,
    state_at,
)
from api.workers.protocol import ReadDocument, ReadTask
from verifier.documents.assignment import (
    LONGEST_TITLE,
    instance_key,
    read_stored_rules,
    rules_to_document,
)
from verifier.documents.json import encode, parse
from verifier.documents.starter import Starter
from verifier.report.assignment import Assignment

_LOG = logging.getLogger("gradjury")
_COPY = " (copy)"
_ASSIGNMENT = "assignment"  # in a stored reply
_STARTERS_KEPT = 4 * 2**20  # bytes of starter files
_STARTER_SIZE = 2**13  # bytes that one is counted as
_INSTANCES_KEPT = 64 * 2**20  # bytes of problems with numbers of students' own


def list_assignments(service: Service, caller: Token) -> list[AssignmentListing]:
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


async def create_assignment(
    service: Service, caller: Token, content: bytes, key: str | None = None
) -> StoredAssignment:
    """Store a grader's new assignment, once for all requests with the same Idempotency-Key.

    Raise RefusedError with all mistakes in the document, ProblemError as `idempotent_reply`.
    """

    async def create(assignment_id: str) -> StoredAssignment:
        document = await read(service, ReadTask(content, "assignment", service.settings.bounds))
        return await run_sync(_add, service, caller, assignment_id, _assignment(document), "create")

    return await _create_once(service, caller, key, b"create " + content, create)


async def read_assignment_form(service: Service, content: bytes, rules: Mapping[str, Any]) -> Assignment:
    """Return the assignment of a form. content: a file with the problem. rules: what was filled in.

    Raise RefusedError with all mistakes.
    """
    task = ReadTask(content, "form", service.settings.bounds, base=encode(dict(rules)))
    return _assignment(await read(service, task))


def add_assignment(service: Service, caller: Token, assignment: Assignment) -> StoredAssignment:
    """Store a grader's new assignment."""
    return _add(service, caller, new_id(), assignment, "create")


def replace_assignment(
    service: Service, caller: Token, stored: StoredAssignment, assignment: Assignment
) -> StoredAssignment:
    """Store an assignment in place of another one. Raise ProblemError 409 as `change_assignment`."""
    changed = _update(service, stored, assignment)
    log_change(caller, "change", stored.id, revision=changed.revision)
    return changed


async def copy_assignment(
    service: Service, caller: Token, stored: StoredAssignment, content: bytes, key: str | None = None
) -> StoredAssignment:
    """Store a copy of an assignment for a grader, without submission period, with changes.

    content: the changes as JSON; empty for none. key: as in `create_assignment`.
    Raise as `change_assignment`.
    """

    async def copy(assignment_id: str) -> StoredAssignment:
        rules = rules_to_document(stored.assignment) | {"opens": None, "closes": None}
        rules["title"] = stored.assignment.title[: LONGEST_TITLE - len(_COPY)] + _COPY
        base = _document(rules, stored)
        task = ReadTask(content or b"{}", "changes", service.settings.bounds, base=base)
        document = await read(service, task)
        return await run_sync(_add, service, caller, assignment_id, _assignment(document), "copy")

    return await _create_once(service, caller, key, f"copy {stored.id} ".encode() + content, copy)


async def change_assignment(
    service: Service, caller: Token, stored: StoredAssignment, content: bytes, merge: bool = False
) -> StoredAssignment:
    """Replace an assignment, or with `merge` the fields that are named.

    Earlier submissions keep their results until they are regraded. Where neither problem nor points change,
    these are results of the new revision.
    Raise RefusedError with all mistakes in the document, ProblemError 409 if the assignment was changed since
    `stored` was read, or since the document's `revision`.
    """
    base = _document(rules_to_document(stored.assignment), stored) if merge else b""
    kind: Literal["changes", "assignment"] = "changes" if merge else "assignment"
    document = await read(service, ReadTask(content, kind, service.settings.bounds, base=base))
    if document.revision not in (None, stored.revision):
        detail = f"the document was read from revision {document.revision}, and the present one is "
        remedy = f"{stored.revision}; read the assignment again, or leave out its revision"
        raise ProblemError(HTTPStatus.CONFLICT, detail + remedy)
    return await run_sync(replace_assignment, service, caller, stored, _assignment(document))


def close_assignment(service: Service, caller: Token, stored: StoredAssignment) -> StoredAssignment:
    """End the submission period now, unless it has ended. Raise ProblemError 409 before its begin."""
    moment = service.now()
    state = state_at(stored.assignment, moment)
    if state is AssignmentState.SCHEDULED:
        opens = stored.assignment.opens
        assert opens is not None
        detail = f"the assignment opens at {opens.isoformat()}; change opens, or delete the assignment"
        raise ProblemError(HTTPStatus.CONFLICT, detail)
    if state is AssignmentState.CLOSED:
        return stored
    closed = _update(service, stored, replace(stored.assignment, closes=moment))
    log_change(caller, "close", stored.id, revision=closed.revision)
    return closed


def reopen_assignment(service: Service, caller: Token, stored: StoredAssignment) -> StoredAssignment:
    """Take away the end of the submission period, if that is over."""
    if state_at(stored.assignment, service.now()) is not AssignmentState.CLOSED:
        return stored
    opened = _update(service, stored, replace(stored.assignment, closes=None))
    log_change(caller, "reopen", stored.id, revision=opened.revision)
    return opened


def delete_assignment(
    service: Service, caller: Token, stored: StoredAssignment, with_submissions: bool
) -> None:
    """Delete an assignment with all that belongs to it.

    Raise ProblemError 409 if students have handed in something and that is not to be deleted.
    """
    if not service.repository.assignments.delete(stored.id, with_submissions):
        detail = "students have handed in for this assignment: take their grades, then delete it "
        raise ProblemError(HTTPStatus.CONFLICT, detail + "with ?with_submissions=true")
    log_change(caller, "delete", stored.id)


def _update(service: Service, stored: StoredAssignment, assignment: Assignment) -> StoredAssignment:
    before, after = stored.assignment, assignment
    keeps_results = (before.points, before.per_student, stored.problem.json) == (
        after.points,
        after.per_student,
        stored_problem(after.problem).json,
    )
    changed = service.repository.assignments.update(stored.id, after, stored.revision, keeps_results)
    if changed is None:
        raise ProblemError(HTTPStatus.CONFLICT, "somebody else changed the assignment meanwhile; try again")
    return replace(changed, assignment=replace(changed.assignment, warnings=after.warnings))


def notice_of_open_checks(service: Service) -> str | None:
    """Return what a grader must know where anybody may check; None where checks need a token."""
    if not service.settings.open_checks:
        return None
    return (
        "public checks are on: everyone with the problem, students too, can get the correct gradient from "
        "POST /v1/checks; set GRADJURY_OPEN_CHECKS=false to keep it hidden"
    )


def warn_of_open_checks(service: Service) -> None:
    """Log that checks are open, if there is an assignment whose answer they tell."""
    notice = notice_of_open_checks(service)
    if notice is not None and service.repository.assignments.exist():
        _LOG.warning("this service has assignments, and %s", notice)


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
    record["state"] = state_at(stored.assignment, service.now())
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


async def _create_once(
    service: Service,
    caller: Token,
    key: str | None,
    request: bytes,
    create: Callable[[str], Awaitable[StoredAssignment]],
) -> StoredAssignment:
    """Return the assignment that `create` stores under an id, or that it stored for an earlier request.

    key: the Idempotency-Key, if the request has one. Raise ProblemError as `idempotent_reply`.
    """
    if key is None:
        return await create(new_id())

    def id_of(begun: datetime) -> str:
        return service.derived_id(f"assignment {caller.id} {begun.isoformat()} {key}")

    def find(begun: datetime) -> Reply | None:
        stored = service.repository.assignments.find(id_of(begun))
        return None if stored is None else _reply(stored)

    async def create_reply(begun: datetime) -> Reply:
        return _reply(await create(await run_sync(id_of, begun)))

    keyed = KeyedRequest(caller.id, key, sha256(b"assignment " + request).digest(), service.now())
    reply = await idempotent_reply(service.repository.replies, keyed, find, create_reply)
    return await run_sync(get_assignment, service, caller, reply.headers[_ASSIGNMENT])


def _reply(stored: StoredAssignment) -> Reply:
    return Reply(HTTPStatus.CREATED, {_ASSIGNMENT: stored.id}, b"")


async def starter_files(service: Service, stored: StoredAssignment) -> Starter:
    """Return the problem of an assignment in words, and the files that students start from."""

    async def write() -> bytes:
        return await _write_starter(service, stored.assignment, problem_file(stored))

    name = f"{stored.id} {stored.revision}"
    return _starter(await recent(service, "starters", _STARTERS_KEPT, name, write, _STARTER_SIZE))


async def preview_starter(service: Service, assignment: Assignment) -> Starter:
    """Return the same for an assignment that is not stored."""
    return _starter(await _write_starter(service, assignment, "problem.json"))


def problem_file(stored: StoredAssignment) -> str:
    """Return the name of the file that the problem is saved in."""
    return f"problem-{stored.id}.json"


async def _write_starter(service: Service, assignment: Assignment, file: str) -> bytes:
    base = encode({"title": assignment.title, "file": file})
    problem = stored_problem(assignment.problem).json
    return (await read(service, ReadTask(problem, "starter", service.settings.bounds, base=base))).content


def _starter(content: bytes) -> Starter:
    return Starter(**parse(content))


def _add(
    service: Service, caller: Token, assignment_id: str, assignment: Assignment, action: str
) -> StoredAssignment:
    stored = StoredAssignment(assignment_id, caller.subject, assignment, 1, service.now())
    service.repository.assignments.add(stored)
    log_change(caller, action, stored.id)
    return stored


def _document(rules: dict[str, Any], stored: StoredAssignment) -> bytes:
    return encode(rules | {"problem": orjson.Fragment(stored.problem.json)})


def _assignment(document: ReadDocument) -> Assignment:
    """Return an assignment that a worker has read: parsing it here would hold up everybody."""
    problem = StoredProblem(document.content, dict(document.shapes), document.of_graph)
    return replace(read_stored_rules(parse(document.rules), problem), warnings=document.warnings)
