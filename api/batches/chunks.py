"""A batch in chunks, each the work of one durable workflow."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.storage.records import Batch

_MOST = 20  # submissions: what a workflow's bookkeeping costs is little beside judging so many
_SHARES = 8  # a small batch is still worth sharing out


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items of a batch from first up to, not including, last."""

    batch: str
    first: int
    last: int

    @property
    def workflow(self) -> str:
        """The id of its workflow: whoever enqueues it names the same."""
        return f"{prefix_of(self.batch)}{self.first}"


def prefix_of(batch_id: str) -> str:
    """Give what the ids of a batch's workflows begin with."""
    return f"batch-{batch_id}-"


def chunks_of(batch: Batch) -> Sequence[Chunk]:
    """Divide a batch; every process must come to the same chunks, so only its size decides."""
    size = max(1, min(_MOST, -(-batch.total // _SHARES)))
    starts = range(0, batch.total, size)
    return [Chunk(batch.id, first, min(first + size, batch.total)) for first in starts]
