"""The protocol of the storage. Every method is one transaction, and blocks: call it in a thread."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from api.storage.records import (
    AssignmentListing,
    BatchItem,
    Progress,
    RefusalRecord,
    RegradedItem,
    RosterEntry,
    Standing,
    StoredAssignment,
    StoredBatch,
    StoredReply,
    StoredReport,
    StoredSubmission,
    Token,
)
from verifier.report.assignment import Assignment


class TokenStore(Protocol):
    def add(self, token: Token, digest: bytes) -> None:
        """Store a token with the digest of its secret. The secret itself is never stored."""

    def find(self, token_id: str) -> tuple[Token, bytes] | None:
        """Return a token, valid or not, and its digest."""

    def list(self) -> Sequence[Token]:
        """Return all tokens, oldest first."""

    def revoke(self, token_id: str, moment: datetime) -> bool:
        """Revoke a token from a moment on. Return False if it does not exist."""

    def of_students(self, assignment_id: str) -> Sequence[Token]:
        """Return the students' tokens that open an assignment, valid or not, oldest first."""


class AssignmentStore(Protocol):
    def add(self, stored: StoredAssignment) -> None: ...

    def find(self, assignment_id: str) -> StoredAssignment | None: ...

    def list(self, owner: str | None, ids: Collection[str]) -> Sequence[AssignmentListing]:
        """Return the assignments of an owner and those with the ids, newest first."""

    def exist(self) -> bool:
        """True if there is an assignment."""

    def update(
        self, assignment_id: str, assignment: Assignment, revision: int, keeps_results: bool = False
    ) -> StoredAssignment | None:
        """Replace an assignment. Return None if its revision is no longer `revision`.

        keeps_results: results of the replaced revision are results of the new one, too.
        """

    def delete(self, assignment_id: str, with_submissions: bool) -> bool:
        """Delete an assignment, its roster and batches, and the submissions and reports of its students.

        If it has submissions and they are not to be deleted, delete nothing and return False.
        """


class SubmissionStore(Protocol):
    def reserve(self, submission: StoredSubmission, attempts: int | None, stale: datetime) -> int | None:
        """Store a submission without content and result, under the student's next attempt number.

        Return that number; None if the student has used all `attempts`, and then store nothing. Raise
        AssignmentGoneError if the assignment was deleted.
        stale: the student's reservations from before this moment are deleted, because their process died.
        """

    def finish(self, submission: StoredSubmission, report: StoredReport | None) -> bool:
        """Store the result, the content and the report of a reserved submission.

        If it is no longer reserved, store nothing and return False.
        """

    def release(self, submission_id: str) -> None:
        """Delete a reservation: the attempt does not count."""

    def add(
        self, submission: StoredSubmission, report: StoredReport | None, attempts: int | None
    ) -> int | None:
        """Store a judged submission and its report under the student's next attempt number.

        Return that number; `submission.attempt` is ignored. If the student has used all `attempts`, store
        nothing and return None. Raise AssignmentGoneError if the assignment was deleted.
        """

    def find(self, submission_id: str) -> StoredSubmission | None:
        """Return a submission without its content."""

    def with_contents(self, ids: Collection[str]) -> Sequence[StoredSubmission]:
        """Return the submissions that exist of these, with their contents, without summaries."""

    def content(self, submission_id: str) -> bytes:
        """Return the content of a submission; empty if there is none."""

    def count(self, assignment_id: str, student: str) -> int:
        """Return the number of attempts of a student, with those that are being judged."""

    def size(self, assignment_id: str, student: str) -> int:
        """Return the number of bytes that are stored of a student's submissions and reports."""

    def list(self, assignment_id: str, student: str | None = None) -> Sequence[StoredSubmission]:
        """Return submissions of one student or all, by student and attempt, without content and summary."""

    def standings(self, assignment_id: str, best: bool, summaries: bool) -> Sequence[Standing]:
        """Return the judged submission of each student that counts, by student.

        best: the one with most points, the first of several; otherwise the one with the highest number.
        summaries: with the summaries of the reports, which take long to read.
        """

    def outdated(self, assignment_id: str, revision: int) -> Sequence[StoredSubmission]:
        """Return the submissions judged under another revision, by student and attempt, as `list` does."""


class RosterStore(Protocol):
    def entries(self, assignment_id: str) -> Sequence[RosterEntry]:
        """Return the students that graders have named, by name."""

    def replace(self, assignment_id: str, entries: Sequence[RosterEntry]) -> None:
        """Replace the students that graders have named. Raise AssignmentGoneError if it was deleted."""

    def add(self, assignment_id: str, entries: Sequence[RosterEntry]) -> None:
        """Name students, or change their ids. Raise AssignmentGoneError if the assignment was deleted."""

    def refuse(self, assignment_id: str, student: str, reason: str, moment: datetime) -> None:
        """Count a refused submission. Nothing is stored for a deleted assignment."""

    def refusals(self, assignment_id: str) -> Sequence[RefusalRecord]:
        """Return what was refused, by student."""

    def reports(self, assignment_id: str, student: str) -> Sequence[str]:
        """Return the ids of all reports on a student's submissions, earlier ones too, oldest first."""

    def forget(self, assignment_id: str, student: str) -> None:
        """Delete all that is stored of a student of an assignment, and close it to the student's tokens.

        A token that opens nothing else is deleted. Items of batches stay, without name and content.
        """


class ReportStore(Protocol):
    def add(self, report: StoredReport) -> None: ...

    def find(self, report_id: str) -> StoredReport | None:
        """Return a report without its document."""

    def document(self, report_id: str) -> bytes:
        """Return the grader's document of a report; empty if there is none."""


class BatchStore(Protocol):
    def add(self, batch: StoredBatch, items: Sequence[BatchItem]) -> None: ...

    def find(self, batch_id: str) -> StoredBatch | None: ...

    def list(self, owner: str, most: int) -> Sequence[StoredBatch]:
        """Return an owner's batches of submissions, the newest `most`, newest first."""

    def unfinished(self) -> Sequence[StoredBatch]:
        """Return the batches with a pending item, oldest first."""

    def progress(self, batch_id: str) -> Progress: ...

    def pending(self, batch_id: str, first: int, last: int) -> Sequence[BatchItem]:
        """Return the pending items with first <= index < last, with their content."""

    def finish(self, item: BatchItem, report: StoredReport | None) -> bool:
        """Store an item's outcome and report, and drop its content.

        If it was finished before, store nothing and return False.
        """

    def finish_regrades(self, assignment_id: str, outcomes: Sequence[RegradedItem]) -> None:
        """Store outcomes, results and reports of a regrade. Earlier reports are kept.

        An item that was finished before is not changed. Nothing is stored of a submission that is gone.
        """

    def items(self, batch_id: str, after: int, most: int) -> Sequence[BatchItem]:
        """Return at most `most` finished items with index > `after`, by index, without content."""

    def notable_items(self, batch_id: str) -> Sequence[BatchItem]:
        """Return the refused items and those with a change, by index, without content."""

    def cancel(self, batch_id: str, moment: datetime) -> None:
        """Cancel the pending items."""


class ReplyStore(Protocol):
    """Replies to requests with an Idempotency-Key."""

    def claim(self, caller: str, key: str, fingerprint: bytes, moment: datetime) -> StoredReply | None:
        """Claim a key for a request. Return None for a new key, else the reply of the first request."""

    def complete(self, caller: str, key: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Store the reply of a claimed key."""

    def release(self, caller: str, key: str) -> None:
        """Delete the claim of a failed request, so that it can be sent again."""

    def delete_before(self, moment: datetime) -> None:
        """Delete old claims and replies."""


class SecretStore(Protocol):
    def get_or_create(self, name: str, fresh: bytes) -> bytes:
        """Return the secret of a name; store `fresh` if there is none. All processes get the same one."""


class WorkerStore(Protocol):
    def record_heartbeat(self, worker: str, moment: datetime) -> None:
        """Store the time at which a worker was alive."""

    def silent_since(self, moment: datetime) -> Sequence[str]:
        """Return the workers whose last heartbeat is before a moment."""

    def remove(self, worker: str) -> None: ...


class Repository(Protocol):
    """All stores over one database."""

    @property
    def tokens(self) -> TokenStore: ...

    @property
    def assignments(self) -> AssignmentStore: ...

    @property
    def submissions(self) -> SubmissionStore: ...

    @property
    def roster(self) -> RosterStore: ...

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
        """Raise the database's error if it does not answer."""

    def check_writable(self) -> None:
        """Write a row. Raise the database's error if that fails, after a second at most for a lock."""

    def close(self) -> None: ...
