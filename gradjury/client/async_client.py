"""`AsyncClient`: the methods of `Client`, awaited."""

from collections.abc import Iterable, Mapping
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import anyio
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


class AsyncClient(BaseClient):
    """The same as `Client`, with methods to await.

    Examples
    --------
    >>> async with AsyncClient("http://127.0.0.1:8000", token) as client:
    ...     receipt = await client.submit(assignment_id, "gradients.npz")
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(url, token, timeout, retries)
        self._http = httpx2.AsyncClient(transport=transport, **self._options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def check(
        self,
        submission: SubmissionSource,
        *,
        entries: Entries = "worst",
        audience: Literal["grader", "student"] = "grader",
    ) -> "Report":
        """As `Client.check`."""
        return await self._send(calls.check(submission, entries, audience))

    async def create_assignment(self, assignment: AssignmentSource) -> AssignmentDetails:
        """As `Client.create_assignment`."""
        return await self._send(calls.create_assignment(assignment))

    async def assignments(self) -> list[AssignmentSummary]:
        """As `Client.assignments`."""
        return await self._send(calls.list_assignments())

    async def assignment(self, assignment: Id) -> AssignmentDetails:
        """As `Client.assignment`."""
        return await self._send(calls.read_assignment(assignment))

    async def replace_assignment(self, assignment: Id, document: AssignmentSource) -> AssignmentDetails:
        """As `Client.replace_assignment`."""
        return await self._send(calls.replace_assignment(assignment, document))

    async def edit_assignment(self, assignment: Id, changes: Mapping[str, Any]) -> AssignmentDetails:
        """As `Client.edit_assignment`."""
        return await self._send(calls.edit_assignment(assignment, changes))

    async def close_assignment(self, assignment: Id) -> AssignmentDetails:
        """As `Client.close_assignment`."""
        return await self._send(calls.close_assignment(assignment))

    async def reopen_assignment(self, assignment: Id) -> AssignmentDetails:
        """As `Client.reopen_assignment`."""
        return await self._send(calls.reopen_assignment(assignment))

    async def copy_assignment(
        self, assignment: Id, changes: Mapping[str, Any] | None = None
    ) -> AssignmentDetails:
        """As `Client.copy_assignment`."""
        return await self._send(calls.copy_assignment(assignment, changes or {}))

    async def delete_assignment(self, assignment: Id, *, with_submissions: bool = False) -> None:
        """As `Client.delete_assignment`."""
        return await self._send(calls.delete_assignment(assignment, with_submissions))

    async def roster(self, assignment: Id, *, counts: Counts = "latest") -> list[RosterMember]:
        """As `Client.roster`."""
        return await self._send(calls.read_roster(assignment, counts))

    async def replace_roster(self, assignment: Id, students: Students) -> list[RosterMember]:
        """As `Client.replace_roster`."""
        return await self._send(calls.replace_roster(assignment, students))

    async def whoami(self) -> TokenDetails:
        """As `Client.whoami`."""
        return await self._send(calls.whoami())

    async def create_tokens(
        self, assignment: Id, students: Iterable[str] | None = None, *, expires: str | None = None
    ) -> list[TokenDetails]:
        """As `Client.create_tokens`."""
        return await self._send(calls.create_tokens(assignment, students, expires))

    async def tokens(self, assignment: Id) -> list[TokenDetails]:
        """As `Client.tokens`."""
        return await self._send(calls.list_tokens(assignment))

    async def revoke_token(self, assignment: Id, token: str) -> None:
        """As `Client.revoke_token`."""
        return await self._send(calls.revoke_token(assignment, token))

    async def export_student(self, assignment: Id, student: str) -> bytes:
        """As `Client.export_student`."""
        return await self._send(calls.export_student(assignment, student))

    async def delete_student(self, assignment: Id, student: str) -> None:
        """As `Client.delete_student`."""
        return await self._send(calls.delete_student(assignment, student))

    async def submit(self, assignment: Id, gradients: Gradients, *, student: str | None = None) -> Receipt:
        """As `Client.submit`."""
        return await self._send(calls.submit(assignment, gradients, student))

    async def submissions(self, assignment: Id) -> list[SubmissionSummary]:
        """As `Client.submissions`."""
        return await self._send(calls.list_submissions(assignment))

    async def report(self, report: str) -> "Report":
        """As `Client.report`."""
        return await self._send(calls.read_report(report))

    async def signed_report(self, report: str) -> str:
        """As `Client.signed_report`."""
        return await self._send(calls.read_signed_report(report))

    async def keys(self) -> Mapping[str, Any]:
        """As `Client.keys`."""
        return await self._send(calls.read_keys())

    async def create_batch(self, submissions: Submissions, *, assignment: Id | None = None) -> BatchStatus:
        """As `Client.create_batch`."""
        return await self._send(calls.create_batch(submissions, assignment))

    async def batches(self) -> list[BatchStatus]:
        """As `Client.batches`."""
        return await self._send(calls.list_batches())

    async def batch(self, batch: Id) -> BatchStatus:
        """As `Client.batch`."""
        return await self._send(calls.read_batch(batch))

    async def wait_for_batch(self, batch: Id, *, progress: Progress | None = None) -> BatchStatus:
        """As `Client.wait_for_batch`."""
        state = await self.batch(batch)
        if progress is not None:
            progress(state)
        for pause in polling_pauses():
            if state.is_over:
                break
            await anyio.sleep(pause)
            before, state = state, await self.batch(batch)
            if progress is not None and state != before:
                progress(state)
        return state

    async def outcomes(self, batch: Id) -> list[Outcome]:
        """As `Client.outcomes`."""
        outcomes: list[Outcome] = []
        while page := await self._send(calls.read_outcomes(batch, outcomes[-1].index if outcomes else -1)):
            outcomes += page
            if len(page) < calls.OUTCOMES:
                break
        return outcomes

    async def cancel_batch(self, batch: Id) -> BatchStatus:
        """As `Client.cancel_batch`."""
        return await self._send(calls.cancel_batch(batch))

    async def overview(self, assignment: Id, *, counts: Counts = "latest") -> ClassOverview:
        """As `Client.overview`."""
        return await self._send(calls.overview(assignment, counts))

    async def grades(self, assignment: Id, *, counts: Counts = "latest") -> Grades:
        """As `Client.grades`."""
        return await self._send(calls.grades(assignment, counts))

    async def _send(self, call: ServiceCall[Answer]) -> Answer:
        request = self._request(self._http, call)
        for attempt in count():
            failure: httpx2.TransportError | httpx2.Response
            try:
                failure = await self._http.send(request)
                if failure.is_success:
                    return call.read(failure)
            except httpx2.TransportError as error:
                failure = error
            await anyio.sleep(self._pause_or_raise(failure, attempt, call))
        raise AssertionError("unreachable")
