"""What the service asks of its storage. A method is one transaction, and blocks: call it in a thread."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from api.storage.records import (
    Batch,
    BatchItem,
    KeptReply,
    Progress,
    Result,
    StoredAssignment,
    StoredReport,
    StoredSubmission,
    Token,
)
from verifier.assignment import Assignment


class TokenStore(Protocol):
    def add(self, token: Token, digest: bytes) -> None:
        """Keep a token by the digest of its secret; the secret itself is never given here."""

    def find(self, token_id: str) -> tuple[Token, bytes] | None:
        """Give a token and its digest, revoked and expired ones too."""

    def list(self) -> Sequence[Token]:
        """Give all, oldest first."""

    def revoke(self, token_id: str, moment: datetime) -> bool:
        """Revoke from a moment on; False where there is no such token."""


class AssignmentStore(Protocol):
    def add(self, stored: StoredAssignment) -> None: ...

    def find(self, assignment_id: str) -> StoredAssignment | None: ...

    def list(self) -> Sequence[StoredAssignment]:
        """Give all, newest first."""

    def change(self, assignment_id: str, assignment: Assignment, revision: int) -> StoredAssignment | None:
        """Put another in its place if it still has that revision; None where it has not."""


class SubmissionStore(Protocol):
    def add(self, submission: StoredSubmission, report: StoredReport, attempts: int | None) -> int | None:
        """Keep a judged submission with its report; its attempt is the next number, whatever it says.

        Gives that number, or None where the student has used all `attempts`, and then keeps nothing.
        """

    def find(self, submission_id: str) -> StoredSubmission | None: ...

    def count(self, assignment_id: str, student: str) -> int:
        """Say how many attempts a student has made."""

    def list(self, assignment_id: str, student: str | None = None) -> Sequence[StoredSubmission]:
        """Give an assignment's submissions, of all students or of one, oldest first, without content."""

    def judged_again(self, submission_id: str, result: Result, report: StoredReport | None) -> None:
        """Put a new result in the place of the last; earlier reports are kept."""


class ReportStore(Protocol):
    def add(self, report: StoredReport) -> None: ...

    def find(self, report_id: str) -> StoredReport | None: ...

    def documents(self, ids: Sequence[str]) -> Mapping[str, bytes]:
        """Give the graders' documents of reports, by id, of those that there are."""


class BatchStore(Protocol):
    def add(self, batch: Batch, items: Sequence[BatchItem]) -> None: ...

    def find(self, batch_id: str) -> Batch | None: ...

    def list(self, owner: str) -> Sequence[Batch]:
        """Give an owner's batches, newest first."""

    def unfinished(self) -> Sequence[Batch]:
        """Give the batches, oldest first, of which some item is neither done nor cancelled."""

    def progress(self, batch_id: str) -> Progress: ...

    def pending(self, batch_id: str, first: int, last: int) -> Sequence[BatchItem]:
        """Give the items from first up to, not including, last that are still to be judged, with content."""

    def finish(self, item: BatchItem, report: StoredReport | None) -> bool:
        """Keep an item's outcome and report. False, and nothing is kept, where it was finished before."""

    def items(self, batch_id: str, after: int, most: int) -> Sequence[BatchItem]:
        """Give finished items with an index above `after`, by index, at most so many, without content."""

    def cancel(self, batch_id: str, moment: datetime) -> None:
        """Let what is not judged yet be; what is finished stays."""


class ReplyStore(Protocol):
    """Answers to requests that carried an Idempotency-Key."""

    def claim(self, caller: str, key: str, fingerprint: bytes, moment: datetime) -> KeptReply | None:
        """Note that a request is being answered; None for a new one, else what is known of the first."""

    def keep(self, caller: str, key: str, status: int, headers: Mapping[str, str], body: bytes) -> None: ...

    def release(self, caller: str, key: str) -> None:
        """Forget a claim whose request failed, so that it can be made again."""

    def forget_before(self, moment: datetime) -> None: ...


class SecretStore(Protocol):
    def secret(self, name: str, fresh: bytes) -> bytes:
        """Give the secret of that name, the fresh one if there was none; all processes get the same."""


class WorkerStore(Protocol):
    def beat(self, worker: str, moment: datetime) -> None:
        """Say that a worker is alive."""

    def silent_since(self, moment: datetime) -> Sequence[str]:
        """Give the workers last heard of before a moment."""

    def forget(self, worker: str) -> None: ...


class Repository(Protocol):
    """All stores over one database."""

    @property
    def tokens(self) -> TokenStore: ...

    @property
    def assignments(self) -> AssignmentStore: ...

    @property
    def submissions(self) -> SubmissionStore: ...

    @property
    def reports(self) -> ReportStore: ...

    @property
    def batches(self) -> BatchStore: ...

    @property
    def replies(self) -> ReplyStore: ...

    @property
    def secrets(self) -> SecretStore: ...

    @property
    def workers(self) -> WorkerStore: ...

    def check(self) -> None:
        """Raise what the database raises when it cannot be asked."""

    def close(self) -> None: ...
