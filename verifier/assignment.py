"""An assignment: a problem that many students answer with gradients alone, and the rules for that."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from verifier.allowed import DEFAULT, Allowed
from verifier.points import ONE_EACH, Points


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """problem: a submission's document without gradients, already found to be well formed.

    points: what a right answer is worth. allowed: what its students may see of their reports.
    attempts: how often each may submit; None for any number. opens, closes: the window, None for no bound.
    per_student: whether each student gets numbers of their own (see `instance.py`).
    """

    title: str
    problem: Mapping[str, Any]
    points: Points = ONE_EACH
    allowed: Allowed = DEFAULT
    attempts: int | None = None
    opens: datetime | None = None
    closes: datetime | None = None
    per_student: bool = False

    def open_at(self, moment: datetime) -> bool:
        """Whether answers are taken at a moment: from `opens` on, before `closes`."""
        begun = self.opens is None or self.opens <= moment
        return begun and (self.closes is None or moment < self.closes)
