"""The calls of the HTTP API: what is sent, and how the answer is read. They open no connection."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from gradjury.client.records import (
    Assignment,
    AssignmentRow,
    Batch,
    Grades,
    Outcome,
    Overview,
    Receipt,
    RosterRow,
    SubmissionRow,
    Token,
    read_record,
)
from gradjury.client.transport import Response
from gradjury.client.uploads import (
    JSON,
    AssignmentSource,
    Gradients,
    Students,
    Submissions,
    SubmissionSource,
    Upload,
    assignment_upload,
    batch_upload,
    gradients_upload,
    json_upload,
    roster_upload,
    submission_upload,
)

if TYPE_CHECKING:
    from verifier.report.report import Report

Answer = TypeVar("Answer")
Id = str | Assignment | AssignmentRow | SubmissionRow | Receipt | Batch
OUTCOMES = 100  # in an answer


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """A request, and the function that reads its answer.

    keyed: the request creates something, so it has an Idempotency-Key. A repetition gets the first answer.
    repeatable: False if a repetition could do it twice.
    """

    method: str
    path: str
    read: Callable[[Response], Answer]
    query: Mapping[str, str] = field(default_factory=dict)
    upload: Upload | None = None
    accept: str = JSON
    keyed: bool = False
    repeatable: bool = True


def check(submission: SubmissionSource, entries: str, audience: str) -> "Call[Report]":
    query = {"entries": entries, "audience": audience}
    return Call("POST", "/v1/checks", _read_report, query, submission_upload(submission))


def create_assignment(assignment: AssignmentSource) -> Call[Assignment]:
    upload = assignment_upload(assignment)
    return Call("POST", "/v1/assignments", _record_reader(Assignment), upload=upload, keyed=True)


def list_assignments() -> Call[list[AssignmentRow]]:
    return Call("GET", "/v1/assignments", _rows_reader(AssignmentRow))


def read_assignment(assignment: Id) -> Call[Assignment]:
    return Call("GET", _assignment(assignment), _record_reader(Assignment))


def replace_assignment(assignment: Id, document: AssignmentSource) -> Call[Assignment]:
    upload = assignment_upload(document)
    return Call("PUT", _assignment(assignment), _record_reader(Assignment), upload=upload)


def edit_assignment(assignment: Id, changes: Mapping[str, Any]) -> Call[Assignment]:
    reader = _record_reader(Assignment)
    return Call("PATCH", _assignment(assignment), reader, upload=json_upload(changes))


def close_assignment(assignment: Id) -> Call[Assignment]:
    return Call("POST", _assignment(assignment, "/close"), _record_reader(Assignment))


def reopen_assignment(assignment: Id) -> Call[Assignment]:
    return Call("POST", _assignment(assignment, "/reopen"), _record_reader(Assignment))


def copy_assignment(assignment: Id, changes: Mapping[str, Any]) -> Call[Assignment]:
    path, upload = _assignment(assignment, "/copy"), json_upload(changes)
    return Call("POST", path, _record_reader(Assignment), upload=upload, keyed=True)


def delete_assignment(assignment: Id, with_submissions: bool) -> Call[None]:
    query = {"with_submissions": "true"} if with_submissions else {}
    return Call("DELETE", _assignment(assignment), lambda _: None, query)


def read_roster(assignment: Id, counts: str) -> Call[list[RosterRow]]:
    return Call("GET", _assignment(assignment, "/roster"), _rows_reader(RosterRow), {"counts": counts})


def replace_roster(assignment: Id, students: Students) -> Call[list[RosterRow]]:
    path, upload = _assignment(assignment, "/roster"), roster_upload(students)
    return Call("PUT", path, _rows_reader(RosterRow), upload=upload)


def whoami() -> Call[Token]:
    return Call("GET", "/v1/token", _record_reader(Token))


def create_tokens(assignment: Id, students: Iterable[str] | None, expires: str | None) -> Call[list[Token]]:
    request = {} if students is None else {"students": list(students)}
    upload = json_upload(request | ({} if expires is None else {"expires": expires}))
    path = _assignment(assignment, "/tokens")

    def read(response: Response) -> list[Token]:
        return [read_record(Token, row | {"text": row["token"]}) for row in response.json()]

    return Call("POST", path, read, upload=upload, repeatable=False)


def list_tokens(assignment: Id) -> Call[list[Token]]:
    return Call("GET", _assignment(assignment, "/tokens"), _rows_reader(Token))


def revoke_token(assignment: Id, token: str) -> Call[None]:
    return Call("DELETE", _assignment(assignment, f"/tokens/{quote(token, safe='')}"), lambda _: None)


def export_student(assignment: Id, student: str) -> Call[bytes]:
    path = _assignment(assignment, "/student-data")
    return Call("GET", path, lambda response: response.content, {"student": student}, accept="*/*")


def delete_student(assignment: Id, student: str) -> Call[None]:
    path = _assignment(assignment, "/student-data")
    return Call("DELETE", path, lambda _: None, {"student": student})


def submit(assignment: Id, gradients: Gradients, student: str | None) -> Call[Receipt]:
    query = {} if student is None else {"student": student}
    path = _assignment(assignment, "/submissions")
    return Call("POST", path, _read_receipt, query, gradients_upload(gradients), keyed=True)


def list_submissions(assignment: Id) -> Call[list[SubmissionRow]]:
    return Call("GET", _assignment(assignment, "/submissions"), _rows_reader(SubmissionRow))


def read_report(report: str) -> "Call[Report]":
    return Call("GET", f"/v1/reports/{quote(report, safe='')}", _read_report)


def read_signed_report(report: str) -> Call[str]:
    path = f"/v1/reports/{quote(report, safe='')}"
    return Call("GET", path, lambda response: response.text, accept="application/jose")


def read_keys() -> Call[Mapping[str, Any]]:
    return Call("GET", "/.well-known/jwks.json", lambda response: response.json())


def create_batch(submissions: Submissions, assignment: Id | None) -> Call[Batch]:
    query = {} if assignment is None else {"assignment": _id_of(assignment)}
    upload = batch_upload(submissions, of_students=assignment is not None)
    return Call("POST", "/v1/batches", _record_reader(Batch), query, upload, keyed=True)


def list_batches() -> Call[list[Batch]]:
    return Call("GET", "/v1/batches", _rows_reader(Batch))


def read_batch(batch: Id) -> Call[Batch]:
    return Call("GET", _batch(batch), _record_reader(Batch))


def cancel_batch(batch: Id) -> Call[Batch]:
    return Call("DELETE", _batch(batch), _record_reader(Batch))


def read_outcomes(batch: Id, after: int) -> Call[list[Outcome]]:
    query = {"after": str(after), "most": str(OUTCOMES)}
    return Call("GET", _batch(batch, "/reports"), _read_outcomes, query, accept="application/x-ndjson")


def overview(assignment: Id, counts: str) -> Call[Overview]:
    return Call("GET", _assignment(assignment, "/overview"), _record_reader(Overview), {"counts": counts})


def grades(assignment: Id, counts: str) -> Call[Grades]:
    path = _assignment(assignment, "/grades.csv")
    return Call("GET", path, lambda response: Grades(response.text), {"counts": counts}, accept="text/csv")


def _assignment(assignment: Id, rest: str = "") -> str:
    return f"/v1/assignments/{quote(_id_of(assignment), safe='')}{rest}"


def _batch(batch: Id, rest: str = "") -> str:
    return f"/v1/batches/{quote(_id_of(batch), safe='')}{rest}"


def _id_of(item: Id) -> str:
    return item if isinstance(item, str) else item.id


def _record_reader(kind: type[Answer]) -> Callable[[Response], Answer]:
    return lambda response: read_record(kind, response.json())


def _rows_reader(kind: type[Answer]) -> Callable[[Response], list[Answer]]:
    return lambda response: [read_record(kind, row) for row in response.json()]


def _read_report(response: Response) -> "Report":
    return _report_of(response.json())


def _report_of(document: Mapping[str, Any]) -> "Report":
    from verifier.report.reading import read_report as read  # loads numpy

    return read(document)


def _read_outcomes(response: Response) -> list[Outcome]:
    return [_read_outcome(json.loads(line)) for line in response.content.splitlines() if line]


def _read_outcome(row: Mapping[str, Any]) -> Outcome:
    report = None if row["report"] is None else _report_of(row["report"])
    return read_record(Outcome, {**row, "report_id": row["id"], "report": report})


def _read_receipt(response: Response) -> Receipt:
    submission = response.headers["link"].partition(">")[0].rpartition("/")[2]
    document = response.json()
    if "verdict" not in document:  # a receipt alone: students see no verdict
        return Receipt(submission, None, None)
    return Receipt(submission, response.headers["location"].rpartition("/")[2], _read_report(response))
