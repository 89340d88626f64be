"""The stored records. Times are in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from verifier.report.assignment import Assignment
from verifier.report.verdict import Verdict


class Role(StrEnum):
    GRADER = "grader"
    STUDENT = "student"
    CI = "ci"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token.

    subject: the name of the student or grader.
    assignments: ids of the assignments it opens. A grader's token also opens those that its subject owns.
    """

    id: str
    role: Role
    subject: str
    assignments: frozenset[str]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    def valid_at(self, moment: datetime) -> bool:
        return self.revoked is None and (self.expires is None or moment < self.expires)


@dataclass(frozen=True, slots=True)
class StoredAssignment:
    """An assignment. revision: starts at 1 and grows with each change; results refer to it."""

    id: str
    owner: str
    assignment: Assignment
    revision: int
    created: datetime


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """The result of a stored submission.

    revision: the revision of the assignment under which it was judged.
    verdict: None if it could not be judged; `refusal` then has the reasons, one per line.
    bugs: (bug, layer).
    """

    report: str | None
    revision: int
    verdict: Verdict | None
    earned: float
    worth: float
    parameters: Mapping[str, Verdict]
    bugs: tuple[tuple[str, int | None], ...]
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class StoredSubmission:
    """A student's submission to an assignment.

    attempt: numbered from 1 for each student and assignment. content: the submitted file, kept for regrading.
    """

    id: str
    assignment: str
    student: str
    attempt: int
    received: datetime
    declared: str | None
    content: bytes
    result: SubmissionResult | None = None


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report.

    owner: role and subject of the token that requested it, as `owner_of` returns them.
    document: the grader's report as JSON. student: the student's, empty if the student may see nothing.
    etag: SHA-256 of the document.
    """

    id: str
    owner: str
    assignment: str | None
    submission: str | None
    document: bytes
    student: bytes
    etag: str
    created: datetime


class ItemState(StrEnum):
    PENDING = "pending"
    JUDGED = "judged"
    REFUSED = "refused"  # malformed or over a limit
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One submission of a batch.

    source: file name, line or student. refusal: the reason why there is no report.
    """

    batch: str
    index: int
    source: str
    declared: str | None = None
    content: bytes = b""
    state: ItemState = ItemState.PENDING
    report: str | None = None
    verdict: Verdict | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """Submissions of one request. assignment: the one they answer; None if each has its own problem."""

    id: str
    owner: str
    assignment: str | None
    total: int
    created: datetime
    cancelled: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Numbers of a batch's items by state, and of its judged items by verdict."""

    states: Mapping[ItemState, int]
    verdicts: Mapping[Verdict, int]

    @property
    def finished(self) -> int:
        return sum(count for state, count in self.states.items() if state is not ItemState.PENDING)


@dataclass(frozen=True, slots=True)
class StoredReply:
    """The reply to the first request with an Idempotency-Key.

    fingerprint: a digest of the request. status: None while the reply is being prepared.
    created: time of the request.
    """

    fingerprint: bytes
    status: int | None
    headers: Mapping[str, str]
    body: bytes
    created: datetime | None = None
