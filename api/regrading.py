"""An assignment's submissions judged again under its present rules."""

from collections.abc import Sequence
from dataclasses import dataclass

import anyio
from anyio.to_thread import run_sync

from api.service import Service
from api.services.submissions import judge_again
from api.storage.records import Result, StoredAssignment, StoredSubmission


@dataclass(frozen=True, slots=True)
class Change:
    """A submission whose verdict or points are other than before."""

    submission: StoredSubmission
    before: Result
    after: Result


@dataclass(frozen=True, slots=True)
class Regrade:
    judged: int
    changes: tuple[Change, ...]


async def regrade(service: Service, stored: StoredAssignment) -> Regrade:
    """Judge again what was judged under another revision; begun anew, it goes on where it was cut off."""
    submissions = await run_sync(service.repository.submissions.list, stored.id)
    old = [
        (s, s.result) for s in submissions if s.result is not None and s.result.revision != stored.revision
    ]
    changes: list[Change] = []
    at_once = anyio.Semaphore(service.settings.processes)

    async def again(submission: StoredSubmission, before: Result) -> None:
        async with at_once:
            whole = await run_sync(service.repository.submissions.find, submission.id)
            if whole is None:
                return
            after = await judge_again(service, stored, whole)
        if (after.verdict, after.earned, after.worth) != (before.verdict, before.earned, before.worth):
            changes.append(Change(submission, before, after))

    async with anyio.create_task_group() as group:
        for submission, before in old:
            group.start_soon(again, submission, before)
    return Regrade(len(old), tuple(_in_order(changes, submissions)))


def _in_order(changes: Sequence[Change], submissions: Sequence[StoredSubmission]) -> Sequence[Change]:
    place = {submission.id: index for index, submission in enumerate(submissions)}
    return sorted(changes, key=lambda change: place[change.submission.id])
