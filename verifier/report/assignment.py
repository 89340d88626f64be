"""Assignments: a problem for many students, and the rules for their submissions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from verifier.report.points import ONE_POINT_EACH, Points


@dataclass(frozen=True, slots=True)
class StudentVisibility:
    """The visible parts of a student's report.

    verdict: of the whole submission. Without it, students see no report.
    parameters: the name, shape and verdict of each parameter.
    layer: the layer and the equation of a bug.
    bug: its id, title and formulas, and the explanation for students.
    hint: a question as help. It identifies the bug for readers of the bug catalogue.
    """

    verdict: bool = True
    parameters: bool = True
    layer: bool = True
    bug: bool = False
    hint: bool = True


DEFAULT = StudentVisibility()


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """A problem, to which students submit gradients only, and its rules.

    problem: a submission's document without gradients, already validated.
    points: for each correct parameter. visibility: the parts of reports that students may see.
    attempts: the largest number of submissions per student; None for no limit.
    opens, closes: the submission period; None for no limit.
    per_student: each student gets different numbers (see `generate_instance`).
    warnings: settings of the problem that are seldom meant; known where the document has just been read.
    """

    title: str
    problem: Mapping[str, Any]
    points: Points = ONE_POINT_EACH
    visibility: StudentVisibility = DEFAULT
    attempts: int | None = None
    opens: datetime | None = None
    closes: datetime | None = None
    per_student: bool = False
    warnings: tuple[str, ...] = ()

    def open_at(self, moment: datetime) -> bool:
        """True if submissions are accepted at a moment: from `opens` on, before `closes`."""
        has_opened = self.opens is None or self.opens <= moment
        return has_opened and (self.closes is None or moment < self.closes)
