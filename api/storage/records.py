"""The stored records. Times are in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from api.problem import StoredProblem, stored_problem
from verifier.report.assignment import Assignment
from verifier.report.verdict import Verdict


class AssignmentGoneError(Exception):
    """An assignment was deleted while something was stored for it."""


class AssignmentState(StrEnum):
    SCHEDULED = "scheduled"  # it opens later
    OPEN = "open"
    CLOSED = "closed"


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

    @property
    def problem(self) -> StoredProblem:
        return stored_problem(self.assignment.problem)


@dataclass(frozen=True, slots=True)
class AssignmentListing:
    """An assignment in lists, without its problem. attempts, opens, closes: None for no limit."""

    id: str
    owner: str
    title: str
    attempts: int | None
    opens: datetime | None
    closes: datetime | None

    def has_opened(self, moment: datetime) -> bool:
        return self.opens is None or self.opens <= moment

    def open_at(self, moment: datetime) -> bool:
        """True if submissions are accepted at a moment: from `opens` on, before `closes`."""
        return self.has_opened(moment) and (self.closes is None or moment < self.closes)


def state_at(assignment: Assignment | AssignmentListing, moment: datetime) -> AssignmentState:
    """Return whether an assignment takes submissions at a moment."""
    if assignment.opens is not None and moment < assignment.opens:
        return AssignmentState.SCHEDULED
    return AssignmentState.OPEN if assignment.open_at(moment) else AssignmentState.CLOSED


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """The result of a stored submission.

    revision: the revision of the assignment under which it was judged.
    verdict: None if it could not be judged; `refusal` then has the reasons, one per line.
    bugs: (bug, layer).
    summary: what the page of a class shows of the report: `errors`, the largest relative error by parameter,
    and `findings`, each (bug, title, layer, factor, parameters).
    """

    report: str | None
    revision: int
    verdict: Verdict | None
    earned: float
    worth: float
    parameters: Mapping[str, Verdict]
    bugs: tuple[tuple[str, int | None], ...]
    refusal: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredSubmission:
    """A student's submission to an assignment.

    attempt: numbered from 1 for each student and assignment. content: the file that was judged, kept for
    regrading; lists leave it out.
    result: None while it is being judged. shown: the moment from which students may see the result.
    """

    id: str
    assignment: str
    student: str
    attempt: int
    received: datetime
    declared: str | None
    content: bytes
    result: SubmissionResult | None = None
    shown: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The submission of a student that counts. attempts: the number of the student's submissions."""

    submission: StoredSubmission
    result: SubmissionResult
    attempts: int


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """A student whom a grader has named. lms_id: the id in a learning management system; None if unknown."""

    student: str
    lms_id: str | None = None


@dataclass(frozen=True, slots=True)
class RefusalRecord:
    """Refused submissions of a student, which are not stored. reason, moment: of the last one."""

    student: str
    count: int
    reason: str
    moment: datetime


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report.

    owner: role and subject of the token that requested it, as `owner_of` returns them.
    document: the grader's report as JSON; empty where only its owner was asked for.
    etag: SHA-256 of the document.
    """

    id: str
    owner: str
    assignment: str | None
    submission: str | None
    document: bytes
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
    submission: id of the stored submission that is judged again. change: its results before and after.
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
    submission: str | None = None
    change: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RegradedItem:
    """An item of a regrade with its outcome. result: of its submission now; None if the earlier one stays.

    report: the new one; None if there is none.
    """

    item: BatchItem
    result: SubmissionResult | None = None
    report: StoredReport | None = None


class BatchKind(StrEnum):
    SUBMISSIONS = "submissions"
    REGRADE = "regrade"  # stored submissions of an assignment, which are judged again
    REGRADE_PREVIEW = "regrade-preview"  # the same, but their results stay


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """Submissions of one request. assignment: the one they answer; None if each has its own problem."""

    id: str
    owner: str
    assignment: str | None
    total: int
    created: datetime
    cancelled: datetime | None = None
    kind: BatchKind = BatchKind.SUBMISSIONS


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
