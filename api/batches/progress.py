"""How far a batch is, as a document."""

from enum import StrEnum
from typing import Any

from api.storage.records import Batch, ItemState, Progress
from verifier.verdict import Verdict


class BatchState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self in (BatchState.FINISHED, BatchState.CANCELLED)


def state_of(progress: Progress) -> BatchState:
    """Tell a batch's state from its items: it runs from its first finished one on."""
    if progress.states[ItemState.PENDING]:
        return BatchState.RUNNING if progress.finished else BatchState.QUEUED
    return BatchState.CANCELLED if progress.states[ItemState.CANCELLED] else BatchState.FINISHED


def document_of(batch: Batch, progress: Progress) -> dict[str, Any]:
    verdicts = (Verdict.CORRECT, Verdict.INCORRECT, Verdict.UNDECIDED)
    return {
        "id": batch.id,
        "assignment": batch.assignment,
        "created": batch.created.isoformat(),
        "state": str(state_of(progress)),
        "total": batch.total,
        "states": {str(state): progress.states[state] for state in ItemState},
        "verdicts": {str(verdict): progress.verdicts.get(verdict, 0) for verdict in verdicts},
    }
