"""Rows as the service knows them, frozen; times are in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from verifier.assignment import Assignment
from verifier.verdict import Verdict


class Role(StrEnum):
    GRADER = "grader"
    STUDENT = "student"
    CI = "ci"


@dataclass(frozen=True, slots=True)
class Token:
    """Whom a request comes from. subject: the student, or the grader, by whatever name the school uses.

    assignments: ids that the token opens; a grader's also opens those that its subject owns.
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
    """revision: counts changes from 1; a submission's result says under which it was judged."""

    id: str
    owner: str
    assignment: Assignment
    revision: int
    created: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What judging a stored submission gave. parameters: each one's verdict. bugs: (bug, layer).

    verdict: None for what could not be judged; `refusal` then says why, a sentence a line.
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
    """content: the file as it came, kept for judging again. attempt: from 1, by student and assignment."""

    id: str
    assignment: str
    student: str
    attempt: int
    received: datetime
    declared: str | None
    content: bytes
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class StoredReport:
    """document: the grader's, as JSON. student: what the student may see, empty where that is nothing.

    owner: subject of the token that caused it. etag: of the document's bytes.
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
    REFUSED = "refused"  # malformed, or beyond a limit
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One submission of a batch. source: its file's name or its line. refusal: why there is no report."""

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
class Batch:
    """assignment: what its items answer with gradients alone; None where each brings its own problem."""

    id: str
    owner: str
    assignment: str | None
    total: int
    created: datetime
    cancelled: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How many items of a batch are in each state, and of those judged, in each verdict."""

    states: Mapping[ItemState, int]
    verdicts: Mapping[Verdict, int]

    @property
    def finished(self) -> int:
        return sum(count for state, count in self.states.items() if state is not ItemState.PENDING)


@dataclass(frozen=True, slots=True)
class KeptReply:
    """The answer to an earlier request with the same key; status None while it is still being made.

    created: when that request came.
    """

    fingerprint: bytes
    status: int | None
    headers: Mapping[str, str]
    body: bytes
    created: datetime | None = None
