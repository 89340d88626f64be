"""Who is recording at the moment, in this thread or task and in no other."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from reference_impl.graph.operation import Operation


class Recorder(Protocol):
    """Take note of operations as they are computed."""

    def record(self, operation: Operation) -> None:
        """Note an operation that has just been computed."""


ACTIVE_RECORDERS: ContextVar[tuple[Recorder, ...]] = ContextVar("active_recorders", default=())
"""From the outermost `with` block to the innermost. A new thread starts with none."""
