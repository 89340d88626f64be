"""Answers of the service, as frozen data. Fields that a newer service adds are ignored."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from verifier.report.report import Report


@dataclass(frozen=True, slots=True)
class AssignmentSummary:
    """A row of the list of assignments. state: scheduled, open or closed."""

    id: str
    title: str
    state: str = ""
    opens: datetime | None = None
    closes: datetime | None = None
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class AssignmentDetails:
    """An assignment as the caller may see it.

    state: scheduled, open or closed.
    problem: a submission's document without gradients; a student's has the numbers of that student.
    warnings: settings that are seldom meant. notice: that open checks tell the answer. Both for graders, when
        the assignment is created.
    attempts_left: for students, if attempts are limited.
    document: everything that the service answered.
    """

    id: str
    title: str
    revision: int
    created: datetime
    problem: Mapping[str, Any]
    document: Mapping[str, Any]
    state: str = ""
    points: float | Mapping[str, float] | None = None
    students_see: Sequence[str] = ()
    attempts: int | None = None
    attempts_left: int | None = None
    opens: datetime | None = None
    closes: datetime | None = None
    instances: str = "shared"
    owner: str | None = None
    notice: str | None = None
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SubmissionSummary:
    """A stored submission. A student's has what the assignment lets students see.

    report: id of its report. refusal: why it could not be judged.
    bugs: the ids of the bugs found, each with its layer.
    """

    id: str
    student: str
    attempt: int
    received: datetime
    verdict: str | None = None
    report: str | None = None
    earned: float | None = None
    worth: float | None = None
    parameters: Mapping[str, str] | None = None
    revision: int | None = None
    refusal: str | None = None
    bugs: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a submission.

    id: of the submission. report_id: of its report. report: None if students see no verdict.
    """

    id: str
    report_id: str | None
    report: "Report | None"


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """Many submissions that workers judge.

    state: queued, running, finished or cancelled.
    total: the number of submissions. states: how many are pending, judged, refused and cancelled.
    verdicts: how many are correct, incorrect and undecided.
    """

    id: str
    state: str
    created: datetime
    total: int
    states: Mapping[str, int]
    verdicts: Mapping[str, int]
    assignment: str | None = None

    @property
    def done(self) -> int:
        """The number of submissions that are not pending."""
        return self.total - self.states["pending"]

    @property
    def is_over(self) -> bool:
        """True if no submission is pending."""
        return self.done == self.total


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one submission of a batch.

    index: its position. source: the student, or the name of the file.
    state: judged, refused or cancelled. refusal: why it could not be judged.
    report_id, report: None without a judgement.
    """

    index: int
    source: str
    state: str
    verdict: str | None = None
    refusal: str | None = None
    report_id: str | None = None
    report: "Report | None" = None


@dataclass(frozen=True, slots=True)
class ClassOverview:
    """How a class does.

    students: those whose submissions were judged. refused: students of whom nothing could be judged, with the
        reason. silent: students who sent nothing.
    verdicts: students by verdict. wrong: students by parameter that is not correct.
    bugs: rows of bug, layer, title and students. clusters: students with the same mistakes.
    matrix: a row for each student. notice: a question to the grader where most fail in one way.
    """

    assignment: str
    students: int
    submissions: int
    verdicts: Mapping[str, int]
    wrong: Mapping[str, int]
    bugs: Sequence[Mapping[str, Any]]
    clusters: Sequence[Mapping[str, Any]]
    matrix: Sequence[Mapping[str, Any]]
    refused: Sequence[Mapping[str, Any]] = ()
    silent: Sequence[str] = ()
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class RosterMember:
    """A student of an assignment.

    token: valid, expired or revoked; None for none. state: judged, refused or silent.
    refused: submissions that were refused. refusal: the reason of the last one.
    """

    student: str
    state: str
    lms_id: str | None = None
    token: str | None = None
    attempts: int = 0
    verdict: str | None = None
    earned: float = 0.0
    worth: float = 0.0
    submission: str | None = None
    received: datetime | None = None
    refused: int = 0
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class TokenDetails:
    """A token. subject: who holds it. state: valid, expired or revoked.

    text: what its holder sends; only where it has just been created.
    """

    id: str
    role: str
    subject: str
    state: str
    created: datetime
    expires: datetime | None = None
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Grades:
    """The table of grades. csv: as the service writes it, a row for each student."""

    csv: str

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows by the names of their columns."""
        return list(csv.DictReader(StringIO(self.csv)))


Record = TypeVar("Record")


def read_record(kind: type[Record], document: Mapping[str, Any]) -> Record:
    """Return a document of the service as a record. Moments become datetimes."""
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    values = {name: value for name, value in document.items() if name in names and value is not None}
    for moment in ("created", "received", "opens", "closes", "expires"):
        if isinstance(values.get(moment), str):
            values[moment] = datetime.fromisoformat(values[moment])
    if "document" in names:
        values["document"] = document
    return kind(**values)
