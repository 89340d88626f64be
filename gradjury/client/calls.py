"""The calls of the HTTP API: what is sent, and how the answer is read. They open no connection."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from gradjury.client.records import (
    AssignmentDetails,
    AssignmentSummary,
    BatchStatus,
    ClassOverview,
    Grades,
    Outcome,
    Receipt,
    RosterMember,
    SubmissionSummary,
    TokenDetails,
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
Id = str | AssignmentDetails | AssignmentSummary | SubmissionSummary | Receipt | BatchStatus
OUTCOMES = 100  # in an answer


@dataclass(frozen=True, slots=True)
class ServiceCall(Generic[Answer]):
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


def check(submission: SubmissionSource, entries: str, audience: str) -> "ServiceCall[Report]":
    query = {"entries": entries, "audience": audience}
    return ServiceCall("POST", "/v1/checks", _read_report, query, submission_upload(submission))


def create_assignment(assignment: AssignmentSource) -> ServiceCall[AssignmentDetails]:
    upload = assignment_upload(assignment)
    return ServiceCall(
        "POST", "/v1/assignments", _record_reader(AssignmentDetails), upload=upload, keyed=True
    )


def list_assignments() -> ServiceCall[list[AssignmentSummary]]:
    return ServiceCall("GET", "/v1/assignments", _rows_reader(AssignmentSummary))


def read_assignment(assignment: Id) -> ServiceCall[AssignmentDetails]:
    return ServiceCall("GET", _assignment(assignment), _record_reader(AssignmentDetails))


def replace_assignment(assignment: Id, document: AssignmentSource) -> ServiceCall[AssignmentDetails]:
    upload = assignment_upload(document)
    return ServiceCall("PUT", _assignment(assignment), _record_reader(AssignmentDetails), upload=upload)


def edit_assignment(assignment: Id, changes: Mapping[str, Any]) -> ServiceCall[AssignmentDetails]:
    reader = _record_reader(AssignmentDetails)
    return ServiceCall("PATCH", _assignment(assignment), reader, upload=json_upload(changes))


def close_assignment(assignment: Id) -> ServiceCall[AssignmentDetails]:
    return ServiceCall("POST", _assignment(assignment, "/close"), _record_reader(AssignmentDetails))


def reopen_assignment(assignment: Id) -> ServiceCall[AssignmentDetails]:
    return ServiceCall("POST", _assignment(assignment, "/reopen"), _record_reader(AssignmentDetails))


def copy_assignment(assignment: Id, changes: Mapping[str, Any]) -> ServiceCall[AssignmentDetails]:
    path, upload = _assignment(assignment, "/copy"), json_upload(changes)
    return ServiceCall("POST", path, _record_reader(AssignmentDetails), upload=upload, keyed=True)


def delete_assignment(assignment: Id, with_submissions: bool) -> ServiceCall[None]:
    query = {"with_submissions": "true"} if with_submissions else {}
    return ServiceCall("DELETE", _assignment(assignment), lambda _: None, query)


def read_roster(assignment: Id, counts: str) -> ServiceCall[list[RosterMember]]:
    return ServiceCall(
        "GET", _assignment(assignment, "/roster"), _rows_reader(RosterMember), {"counts": counts}
    )


def replace_roster(assignment: Id, students: Students) -> ServiceCall[list[RosterMember]]:
    path, upload = _assignment(assignment, "/roster"), roster_upload(students)
    return ServiceCall("PUT", path, _rows_reader(RosterMember), upload=upload)


def whoami() -> ServiceCall[TokenDetails]:
    return ServiceCall("GET", "/v1/token", _record_reader(TokenDetails))


def create_tokens(
    assignment: Id, students: Iterable[str] | None, expires: str | None
) -> ServiceCall[list[TokenDetails]]:
    request = {} if students is None else {"students": list(students)}
    upload = json_upload(request | ({} if expires is None else {"expires": expires}))
    path = _assignment(assignment, "/tokens")

    def read(response: Response) -> list[TokenDetails]:
        return [read_record(TokenDetails, row | {"text": row["token"]}) for row in response.json()]

    return ServiceCall("POST", path, read, upload=upload, repeatable=False)


def list_tokens(assignment: Id) -> ServiceCall[list[TokenDetails]]:
    return ServiceCall("GET", _assignment(assignment, "/tokens"), _rows_reader(TokenDetails))


def revoke_token(assignment: Id, token: str) -> ServiceCall[None]:
    return ServiceCall("DELETE", _assignment(assignment, f"/tokens/{quote(token, safe='')}"), lambda _: None)


def export_student(assignment: Id, student: str) -> ServiceCall[bytes]:
    path = _assignment(assignment, "/student-data")
    return ServiceCall("GET", path, lambda response: response.content, {"student": student}, accept="*/*")


def delete_student(assignment: Id, student: str) -> ServiceCall[None]:
    path = _assignment(assignment, "/student-data")
    return ServiceCall("DELETE", path, lambda _: None, {"student": student})


def submit(assignment: Id, gradients: Gradients, student: str | None) -> ServiceCall[Receipt]:
    query = {} if student is None else {"student": student}
    path = _assignment(assignment, "/submissions")
    return ServiceCall("POST", path, _read_receipt, query, gradients_upload(gradients), keyed=True)


def list_submissions(assignment: Id) -> ServiceCall[list[SubmissionSummary]]:
    return ServiceCall("GET", _assignment(assignment, "/submissions"), _rows_reader(SubmissionSummary))


def read_report(report: str) -> "ServiceCall[Report]":
    return ServiceCall("GET", f"/v1/reports/{quote(report, safe='')}", _read_report)


def read_signed_report(report: str) -> ServiceCall[str]:
    path = f"/v1/reports/{quote(report, safe='')}"
    return ServiceCall("GET", path, lambda response: response.text, accept="application/jose")


def read_keys() -> ServiceCall[Mapping[str, Any]]:
    return ServiceCall("GET", "/.well-known/jwks.json", lambda response: response.json())


def create_batch(submissions: Submissions, assignment: Id | None) -> ServiceCall[BatchStatus]:
    query = {} if assignment is None else {"assignment": _id_of(assignment)}
    upload = batch_upload(submissions, of_students=assignment is not None)
    return ServiceCall("POST", "/v1/batches", _record_reader(BatchStatus), query, upload, keyed=True)


def list_batches() -> ServiceCall[list[BatchStatus]]:
    return ServiceCall("GET", "/v1/batches", _rows_reader(BatchStatus))


def read_batch(batch: Id) -> ServiceCall[BatchStatus]:
    return ServiceCall("GET", _batch(batch), _record_reader(BatchStatus))


def cancel_batch(batch: Id) -> ServiceCall[BatchStatus]:
    return ServiceCall("DELETE", _batch(batch), _record_reader(BatchStatus))


def read_outcomes(batch: Id, after: int) -> ServiceCall[list[Outcome]]:
    query = {"after": str(after), "most": str(OUTCOMES)}
    return ServiceCall("GET", _batch(batch, "/reports"), _read_outcomes, query, accept="application/x-ndjson")


def overview(assignment: Id, counts: str) -> ServiceCall[ClassOverview]:
    return ServiceCall(
        "GET", _assignment(assignment, "/overview"), _record_reader(ClassOverview), {"counts": counts}
    )


def grades(assignment: Id, counts: str) -> ServiceCall[Grades]:
    path = _assignment(assignment, "/grades.csv")
    return ServiceCall(
        "GET", path, lambda response: Grades(response.text), {"counts": counts}, accept="text/csv"
    )


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
