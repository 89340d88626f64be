"""`Client`: a service's assignments, submissions, reports and grades from Python."""

import time
from collections.abc import Iterable, Mapping
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx2

from gradjury.client import calls
from gradjury.client.base_client import RETRIES, TIMEOUT, Answer, BaseClient, Counts, Entries, Progress
from gradjury.client.calls import Id, ServiceCall
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
)
from gradjury.client.transport import polling_pauses
from gradjury.client.uploads import AssignmentSource, Gradients, Students, Submissions, SubmissionSource

if TYPE_CHECKING:
    from verifier.report.report import Report


class Client(BaseClient):
    """A client of a GradJury service.

    A request that got no answer, or that the service was too busy for, is sent again after a pause. It has an
    idempotency key if it creates something, so nothing is created twice.

    Parameters
    ----------
    url : str, optional
        The address of the service. By default GRADJURY_SERVER, or the one of `gradjury login`.
    token : str, optional
        The token. By default GRADJURY_TOKEN, or the one that `gradjury login` keeps for the address.
    timeout : float
        Seconds to wait for an answer.
    retries : int
        How often a request is sent again.

    Raises
    ------
    ServiceError
        By every method, if the service refuses the request or does not answer: see `gradjury.client.errors`.
    ValueError
        If `url` is no address, or there is none.

    Examples
    --------
    >>> with Client("http://127.0.0.1:8000", token) as client:
    ...     receipt = client.submit(assignment_id, {"layers.0.weight": dw, "layers.0.bias": db})
    ...     print(receipt.report)
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, token, timeout, retries)
        self._http = httpx2.Client(transport=transport, **self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def check(
        self,
        submission: SubmissionSource,
        *,
        entries: Entries = "worst",
        audience: Literal["grader", "student"] = "grader",
    ) -> "Report":
        """Return the report on a submission, which the service does not keep.

        submission: a document, with lists or arrays, or the path of its file.
        """
        return self._send(calls.check(submission, entries, audience))

    def create_assignment(self, assignment: AssignmentSource) -> AssignmentDetails:
        """Create an assignment from a document or the path of its JSON file; return it with its id."""
        return self._send(calls.create_assignment(assignment))

    def assignments(self) -> list[AssignmentSummary]:
        """Return the assignments that the token opens, newest first."""
        return self._send(calls.list_assignments())

    def assignment(self, assignment: Id) -> AssignmentDetails:
        """Return an assignment, with the problem as the caller has it."""
        return self._send(calls.read_assignment(assignment))

    def replace_assignment(self, assignment: Id, document: AssignmentSource) -> AssignmentDetails:
        """Put another document in an assignment's place; return the assignment."""
        return self._send(calls.replace_assignment(assignment, document))

    def edit_assignment(self, assignment: Id, changes: Mapping[str, Any]) -> AssignmentDetails:
        """Change the named fields of an assignment; None takes one back to its default.

        Example: `client.edit_assignment(id, {"attempts": 3, "closes": "2026-12-07T18:00:00Z"})`
        """
        return self._send(calls.edit_assignment(assignment, changes))

    def close_assignment(self, assignment: Id) -> AssignmentDetails:
        """End the submission period now."""
        return self._send(calls.close_assignment(assignment))

    def reopen_assignment(self, assignment: Id) -> AssignmentDetails:
        """Take submissions again, without an end."""
        return self._send(calls.reopen_assignment(assignment))

    def copy_assignment(self, assignment: Id, changes: Mapping[str, Any] | None = None) -> AssignmentDetails:
        """Return a new assignment with the same rules, but no students and no submission period.

        changes: fields of the copy, such as its title.
        """
        return self._send(calls.copy_assignment(assignment, changes or {}))

    def delete_assignment(self, assignment: Id, *, with_submissions: bool = False) -> None:
        """Delete an assignment. With submissions of students it is kept, unless `with_submissions`."""
        return self._send(calls.delete_assignment(assignment, with_submissions))

    def roster(self, assignment: Id, *, counts: Counts = "latest") -> list[RosterMember]:
        """Return every student of an assignment, also those who sent nothing. counts: as in `overview`."""
        return self._send(calls.read_roster(assignment, counts))

    def replace_roster(self, assignment: Id, students: Students) -> list[RosterMember]:
        """Name the students of an assignment: names, or a mapping of names to LMS ids; return the roster."""
        return self._send(calls.replace_roster(assignment, students))

    def whoami(self) -> TokenDetails:
        """Return the client's token: its role, and who holds it."""
        return self._send(calls.whoami())

    def create_tokens(
        self, assignment: Id, students: Iterable[str] | None = None, *, expires: str | None = None
    ) -> list[TokenDetails]:
        """Issue tokens to students and return them; `text` is shown only this once.

        students: names; by default all of the roster who have no valid token. expires: such as "26w".
        """
        return self._send(calls.create_tokens(assignment, students, expires))

    def tokens(self, assignment: Id) -> list[TokenDetails]:
        """Return the students' tokens that open an assignment, without their texts."""
        return self._send(calls.list_tokens(assignment))

    def revoke_token(self, assignment: Id, token: str) -> None:
        """Revoke a student's token by its id."""
        return self._send(calls.revoke_token(assignment, token))

    def export_student(self, assignment: Id, student: str) -> bytes:
        """Return all that is stored of a student of an assignment, as a zip."""
        return self._send(calls.export_student(assignment, student))

    def delete_student(self, assignment: Id, student: str) -> None:
        """Delete all that is stored of a student, and close the assignment to the student's tokens."""
        return self._send(calls.delete_student(assignment, student))

    def submit(self, assignment: Id, gradients: Gradients, *, student: str | None = None) -> Receipt:
        """Submit gradients and return the receipt, with the report as the student may see it.

        gradients: arrays by the names of the parameters, or the path of a JSON, npz or safetensors file.
        student: for graders, the student who submits.
        """
        return self._send(calls.submit(assignment, gradients, student))

    def submissions(self, assignment: Id) -> list[SubmissionSummary]:
        """Return all submissions to a grader, and to students their own."""
        return self._send(calls.list_submissions(assignment))

    def report(self, report: str) -> "Report":
        """Return a stored report by its id."""
        return self._send(calls.read_report(report))

    def signed_report(self, report: str) -> str:
        """Return a stored report as a JSON Web Signature, which `gradjury verify-report` checks offline."""
        return self._send(calls.read_signed_report(report))

    def keys(self) -> Mapping[str, Any]:
        """Return the public keys of the service's signatures, as a JSON Web Key Set."""
        return self._send(calls.read_keys())

    def create_batch(self, submissions: Submissions, *, assignment: Id | None = None) -> BatchStatus:
        """Send many submissions in one request, to be judged in the background; return their batch.

        Parameters
        ----------
        submissions : mapping, iterable of paths, or path
            Arrays, documents or files by name; or files and folders; or one folder or zip file.
        assignment : optional
            The assignment that the gradients are for. Each name, or name of a file or of a student's folder,
            is a student's. Without it, every submission has its problem.

        Examples
        --------
        >>> batch = client.create_batch("hand-ins/", assignment=assignment_id)
        >>> client.wait_for_batch(batch, progress=lambda batch: print(batch.done, "of", batch.total))
        >>> for outcome in client.outcomes(batch):
        ...     print(outcome.source, outcome.verdict or outcome.refusal)
        """
        return self._send(calls.create_batch(submissions, assignment))

    def batches(self) -> list[BatchStatus]:
        """Return the batches that the token's holder has sent, newest first."""
        return self._send(calls.list_batches())

    def batch(self, batch: Id) -> BatchStatus:
        """Return a batch with its progress."""
        return self._send(calls.read_batch(batch))

    def wait_for_batch(self, batch: Id, *, progress: Progress | None = None) -> BatchStatus:
        """Return a batch when all of its submissions are judged or refused, or it is cancelled.

        progress: called with the batch at first, and after every change.
        """
        state = self.batch(batch)
        if progress is not None:
            progress(state)
        for pause in polling_pauses():
            if state.is_over:
                break
            time.sleep(pause)
            before, state = state, self.batch(batch)
            if progress is not None and state != before:
                progress(state)
        return state

    def outcomes(self, batch: Id) -> list[Outcome]:
        """Return the results of a batch in order, up to the first submission that is still pending."""
        outcomes: list[Outcome] = []
        while page := self._send(calls.read_outcomes(batch, outcomes[-1].index if outcomes else -1)):
            outcomes += page
            if len(page) < calls.OUTCOMES:
                break
        return outcomes

    def cancel_batch(self, batch: Id) -> BatchStatus:
        """Cancel what is not judged yet; return the batch. Reports that exist are kept."""
        return self._send(calls.cancel_batch(batch))

    def overview(self, assignment: Id, *, counts: Counts = "latest") -> ClassOverview:
        """Return how a class does. counts: the attempt of each student that counts."""
        return self._send(calls.overview(assignment, counts))

    def grades(self, assignment: Id, *, counts: Counts = "latest") -> Grades:
        """Return the grades of a class. counts: the attempt of each student that counts."""
        return self._send(calls.grades(assignment, counts))

    def _send(self, call: ServiceCall[Answer]) -> Answer:
        request = self._request(self._http, call)
        for attempt in count():
            failure: httpx2.TransportError | httpx2.Response
            try:
                failure = self._http.send(request)
                if failure.is_success:
                    return call.read(failure)
            except httpx2.TransportError as error:
                failure = error
            time.sleep(self._pause_or_raise(failure, attempt, call))
        raise AssertionError("unreachable")
