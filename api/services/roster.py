"""The students of an assignment: named by a grader, with a token for it, or with a submission."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Literal, cast
from zipfile import ZIP_DEFLATED, ZipFile

from api.service import Service
from api.services.access import not_found
from api.services.audit import log_change
from api.services.names import normalize_name
from api.services.submissions import full_worth, is_student_name, submission_document
from api.services.tokens import LONGEST_SUBJECT
from api.storage.records import RefusalRecord, RosterEntry, Standing, StoredAssignment, Token
from verifier.documents.json import parse, to_json
from verifier.documents.students import read_students
from verifier.problem.errors import ErrorCollector, check_fields, describe
from verifier.report.points import round_points

LARGEST_ROSTER = 2**20  # bytes
_FIELDS = ("student", "lms_id")
_IN_MEMORY = 8 * 2**20  # bytes of an export before it goes to a file
_PIECE = 2**16  # bytes of an export that are sent at a time

TokenState = Literal["valid", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class RosterStudent:
    """A student of an assignment.

    token: the best state of the student's tokens; None for none. standing: None if nothing was judged.
    refusal: None if nothing was refused.
    """

    name: str
    lms_id: str | None
    token: TokenState | None
    standing: Standing | None
    refusal: RefusalRecord | None

    @property
    def state(self) -> Literal["judged", "refused", "silent"]:
        if self.standing is not None:
            return "judged"
        return "silent" if self.refusal is None else "refused"


def roster_of(
    service: Service, stored: StoredAssignment, standings: Sequence[Standing]
) -> tuple[RosterStudent, ...]:
    """Return all students of an assignment, by name. standings: of those whose submissions were judged."""
    repository, moment = service.repository, service.now()
    ids = {entry.student: entry.lms_id for entry in repository.roster.entries(stored.id)}
    refusals = {record.student: record for record in repository.roster.refusals(stored.id)}
    judged = {standing.submission.student: standing for standing in standings}
    tokens: dict[str, TokenState] = {}
    for token in repository.tokens.of_students(stored.id):
        state = token_state(token, moment)
        if tokens.get(token.subject) != "valid":  # of several the newest, but a valid one comes first
            tokens[token.subject] = state
    return tuple(
        RosterStudent(name, ids.get(name), tokens.get(name), judged.get(name), refusals.get(name))
        for name in sorted(ids.keys() | refusals.keys() | judged.keys() | tokens.keys())
    )


def roster_document(
    service: Service, stored: StoredAssignment, standings: Sequence[Standing]
) -> list[dict[str, Any]]:
    """Return the students of an assignment as JSON."""
    worth = full_worth(stored.assignment)
    return [_row(student, worth) for student in roster_of(service, stored, standings)]


def replace_roster(service: Service, caller: Token, stored: StoredAssignment, content: bytes) -> None:
    """Replace the students whom graders have named. Raise MalformedSubmission with all mistakes."""
    set_roster(service, caller, stored, parse(content, service.settings.bounds))


def set_roster(service: Service, caller: Token, stored: StoredAssignment, document: Any) -> None:
    """Do the same with a parsed list."""
    entries = read_roster(document)
    service.repository.roster.replace(stored.id, entries)
    log_change(caller, "replace roster", stored.id, students=len(entries))


def roster_from_text(text: str) -> list[dict[str, str]]:
    """Return a list of students as `read_roster` takes it. Raise MalformedSubmission as `read_students`."""
    return [
        {"student": student.name, **({} if student.lms_id is None else {"lms_id": student.lms_id})}
        for student in read_students(text)
    ]


def read_roster(document: Any) -> list[RosterEntry]:
    """Return the students in a list of objects. Raise MalformedSubmission with all mistakes."""
    errors = ErrorCollector()
    if not isinstance(document, list):
        errors.add("", 'a list such as [{"student": "ada", "lms_id": "4711"}]', describe(document))
        errors.raise_if_any()
    entries: dict[str, RosterEntry] = {}
    for index, row in enumerate(document):
        if not isinstance(row, dict):
            errors.add((index,), 'an object such as {"student": "ada"}', describe(row))
            continue
        check_fields(row, _FIELDS, (index,), errors)
        name = read_name(row.get("student"), (index, "student"), errors)
        lms_id = row.get("lms_id")
        lms_id = None if lms_id in (None, "") else read_name(lms_id, (index, "lms_id"), errors)
        if name in entries:
            errors.add((index, "student"), "every student once", f"{name[:60]!r} more than once")
        if name is not None:
            entries[name] = RosterEntry(name, lms_id)
    errors.raise_if_any()
    return list(entries.values())


def export_student(service: Service, caller: Token, stored: StoredAssignment, name: str) -> Iterator[bytes]:
    """Return a zip of all that is stored of a student of an assignment, in pieces.

    Raise ProblemError 404 if there is no such student.
    """
    student = _find_student(service, stored, name)
    store, moment = service.repository.submissions, service.now()
    submissions = store.list(stored.id, student.name)
    document = {
        "assignment": stored.id,
        **_row(student, full_worth(stored.assignment)),
        "submissions": [submission_document(stored, each, caller, moment) for each in submissions],
    }
    file = cast(BinaryIO, SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 -- closed when it is sent
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.writestr("student.json", to_json(document))
        for submission in submissions:
            suffix = submission.declared or "bin"
            archive.writestr(f"submissions/{submission.attempt}.{suffix}", store.content(submission.id))
        for report in service.repository.roster.reports(stored.id, student.name):
            archive.writestr(f"reports/{report}.json", service.repository.reports.document(report))
    log_change(caller, "export student", stored.id, submissions=len(submissions))
    return _pieces(file)


def forget_student(service: Service, caller: Token, stored: StoredAssignment, name: str) -> None:
    """Delete all that is stored of a student of an assignment, and close it to the student's tokens.

    Raise ProblemError 404 if there is no such student.
    """
    student = _find_student(service, stored, name)
    service.repository.roster.forget(stored.id, student.name)
    log_change(caller, "delete student", stored.id)


def _find_student(service: Service, stored: StoredAssignment, name: str) -> RosterStudent:
    standings = service.repository.submissions.standings(stored.id, best=False, summaries=False)
    name = normalize_name(name)
    for student in roster_of(service, stored, standings):
        if student.name == name:
            return student
    raise not_found("student of this assignment")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


def _row(student: RosterStudent, worth: float) -> dict[str, Any]:
    standing, refusal = student.standing, student.refusal
    document: dict[str, Any] = {
        "student": student.name,
        "lms_id": student.lms_id,
        "token": student.token,
        "state": student.state,
        "attempts": 0,
        "verdict": None,
        "earned": 0.0,
        "worth": worth,
        "submission": None,
        "received": None,
        "refused": 0 if refusal is None else refusal.count,
        "refusal": None if refusal is None else refusal.reason,
    }
    if standing is not None:
        document |= {
            "attempts": standing.attempts,
            "verdict": standing.result.verdict,
            "earned": round_points(standing.result.earned),
            "worth": round_points(standing.result.worth),
            "submission": standing.submission.id,
            "received": standing.submission.received.isoformat(),
        }
    return document


def token_state(token: Token, moment: datetime) -> TokenState:
    """Return whether a token is valid at a moment, and why it is not."""
    if token.revoked is not None:
        return "revoked"
    return "valid" if token.valid_at(moment) else "expired"


def read_name(value: Any, path: tuple[str | int, ...], errors: ErrorCollector) -> str | None:
    """Return a name in its normal form; note a mistake and return None for anything else."""
    rule = f"a name of 1 to {LONGEST_SUBJECT} characters, none of them a control one"
    name = normalize_name(value) if isinstance(value, str) else ""
    if not is_student_name(name):
        errors.add(path, rule, "nothing" if value is None else describe(value))
        return None
    return name
