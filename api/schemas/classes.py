"""Assignments, students, tokens, submissions, results of a class, regrades and batches."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel


class AssignmentRules(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str | None = None
    points: float | dict[str, float] | None = Field(None, description="in all, or by parameter")
    students_see: list[Literal["verdict", "parameters", "layer", "bug", "hint"]] | None = None
    attempts: int | None = Field(None, ge=1)
    opens: str | None = Field(None, json_schema_extra={"format": "date-time"})
    closes: str | None = Field(None, json_schema_extra={"format": "date-time"})
    instances: Literal["shared", "per_student"] = "shared"
    names: dict[str, str] | None = Field(None, description="of parameters, by the names that students use")


class AssignmentDocument(AssignmentRules):
    """A problem that students answer with gradients alone, and the rules for that."""

    problem: dict[str, Any] = Field(description="a submission without gradients")


class AssignmentReplacement(AssignmentDocument):
    """An assignment, or what GET answered. What the service sets is ignored, but for `revision`."""

    id: str | None = None
    revision: int | None = Field(None, description="409 if it is no longer the present one")
    created: str | None = None
    state: Literal["scheduled", "open", "closed"] | None = None
    owner: str | None = None
    notice: str | None = None
    warnings: list[str] | None = None
    attempts_left: int | None = None


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class AssignmentChanges(AssignmentRules):
    """The fields to change: a JSON merge patch (RFC 7396). null takes a field back to its default."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_without_defaults)

    problem: dict[str, Any] | None = Field(None, description="its fields to change")
    revision: int | None = Field(None, description="409 if it is no longer the present one")


class StoredAssignmentDocument(AssignmentDocument):
    id: str
    revision: int
    created: str
    state: Literal["scheduled", "open", "closed"]
    owner: str | None = Field(None, description="for graders")
    notice: str | None = Field(None, description="at its creation: that open checks tell its answer")
    warnings: list[str] | None = Field(None, description="at its creation: settings that are seldom meant")
    attempts_left: int | None = Field(None, description="for students, where attempts are limited")


class AssignmentRow(BaseModel):
    id: str
    title: str
    state: Literal["scheduled", "open", "closed"]
    opens: str | None
    closes: str | None
    attempts: int | None = Field(description="submissions of a student; null for any number")


class RosterRow(BaseModel):
    """A student of an assignment: named by a grader, holder of a token, or somebody who handed in."""

    student: str
    lms_id: str | None = Field(description="id in a learning management system")
    token: Literal["valid", "expired", "revoked"] | None = Field(description="null for none")
    state: Literal["judged", "refused", "silent"] = Field(description="refused: and nothing else came")
    attempts: int
    verdict: str | None
    earned: float
    worth: float
    submission: str | None = Field(description="id of the one that counts")
    received: str | None
    refused: int = Field(description="submissions that were refused, which are not stored")
    refusal: str | None = Field(description="why, of the last one")


class RosterEntryDocument(BaseModel):
    """A student whom a grader names."""

    model_config = ConfigDict(extra="forbid")

    student: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    lms_id: str | None = Field(None, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")


class RosterDocument(RootModel[list[RosterEntryDocument]]):
    """The students whom a grader names, instead of those named before."""


class TokenDocument(BaseModel):
    """A token without its secret."""

    id: str
    role: Literal["grader", "student", "ci"]
    subject: str = Field(description="who holds it")
    state: Literal["valid", "expired", "revoked"]
    created: str
    expires: str | None = Field(description="null for never")


class IssuedTokenDocument(TokenDocument):
    token: str = Field(description="what its holder sends; it is shown this once")


class StudentTokensDocument(BaseModel):
    """The students who get a token for an assignment."""

    model_config = ConfigDict(extra="forbid")

    students: (
        list[Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]] | None
    ) = Field(None, description="by default all of the roster who have no valid token")
    expires: str | None = Field(
        None, pattern=r"^[1-9][0-9]{0,5}[mhdw]$", description="lifetime such as 30d; by default for good"
    )


class BugCount(BaseModel):
    bug: str
    layer: int | None = None


class SubmissionRow(BaseModel):
    """A stored submission. A student's row holds what the assignment lets students see."""

    id: str
    student: str
    attempt: int
    received: str
    verdict: str | None = None
    report: str | None = Field(None, description="its id, for GET /v1/reports/{id}")
    earned: float | None = None
    worth: float | None = None
    parameters: dict[str, str] | None = None
    revision: int | None = None
    refusal: str | None = None
    bugs: list[BugCount] | None = None


class BugStudents(BugCount):
    title: str
    students: int


class ClusterDocument(BaseModel):
    """Students with the same bugs in the same layers and the same wrong parameters."""

    bugs: list[BugCount]
    parameters: list[str]
    students: list[str]


class StandingDocument(BaseModel):
    student: str
    submission: str
    report: str | None
    attempts: int
    verdict: str | None
    earned: float
    worth: float
    parameters: dict[str, str]


class RefusedStudent(BaseModel):
    student: str
    reason: str


class OverviewDocument(BaseModel):
    assignment: str
    roster: int = Field(description="all students: the judged ones, `refused` and `silent`")
    refused: list[RefusedStudent] = Field(description="students of whom nothing could be judged")
    silent: list[str] = Field(description="students who sent nothing")
    students: int = Field(description="whose submissions were judged")
    submissions: int
    verdicts: dict[str, int]
    wrong: dict[str, int] = Field(description="students by parameter that is not correct")
    notice: str | None = Field(None, description="a question to the grader where most fail in one way")
    bugs: list[BugStudents]
    clusters: list[ClusterDocument]
    matrix: list[StandingDocument]


class OutcomeDocument(BaseModel):
    verdict: str | None
    earned: float
    worth: float


class ChangeDocument(BaseModel):
    submission: str
    student: str
    attempt: int
    before: OutcomeDocument
    after: OutcomeDocument


class RefusedRegrade(BaseModel):
    """A submission that could not be judged again. Its earlier result stays."""

    submission: str
    student: str
    reason: str


class RegradeDocument(BaseModel):
    revision: int
    judged: int
    changes: list[ChangeDocument]
    refused: list[RefusedRegrade] = []


class RegradeJobDocument(RegradeDocument):
    """How far a regrade is. revision: the assignment's present one, by which submissions are judged."""

    id: str
    assignment: str
    created: str
    state: Literal["queued", "running", "finished", "cancelled"]
    total: int
    states: dict[Literal["pending", "judged", "refused", "cancelled"], int]


class BatchDocument(BaseModel):
    """How far a batch is."""

    id: str
    assignment: str | None = None
    created: str
    state: Literal["queued", "running", "finished", "cancelled"]
    total: int
    states: dict[Literal["pending", "judged", "refused", "cancelled"], int]
    verdicts: dict[Literal["correct", "incorrect", "undecided"], int]
