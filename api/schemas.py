"""Models of the JSON documents. Their docstrings are descriptions in the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from verifier.engine.operations import OPERATIONS
from verifier.examples.graphs import BUGGY_EXAMPLES
from verifier.examples.layers import example_document

Precision = Literal["float64", "float32", "float16", "bfloat16"]
Figure = float | Literal["NaN", "Infinity", "-Infinity"]
EntryVerdict = Literal["correct", "incorrect", "undecided"]
Numbers = float | list[float | str] | list[list[float | str]]


class LayerDocument(BaseModel):
    """z = g(a), a = zW + b."""

    model_config = ConfigDict(extra="forbid")

    inputs: int = Field(alias="in", ge=1)
    outputs: int = Field(alias="out", ge=1)
    activation: str | dict[str, Any] = "identity"
    bias: bool = True
    kind: Literal["dense"] = "dense"


class OtherLayerDocument(BaseModel):
    """Batch normalisation of each unit over the examples, or a dropout mask, which is in `masks`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["batch_norm", "dropout"]
    inputs: int | None = Field(None, alias="in", ge=1)
    outputs: int | None = Field(None, alias="out", ge=1)
    epsilon: float | None = Field(None, ge=0, description="of batch_norm, 1e-5 unless given")
    activation: str | dict[str, Any] | None = Field(None, description="behind batch_norm")
    rate: float | None = Field(None, ge=0, lt=1, description="of dropout")


class NetworkDocument(BaseModel):
    model_config = ConfigDict(extra="forbid")

    layers: list[LayerDocument | OtherLayerDocument] = Field(min_length=1)
    weights: Literal["in_out", "out_in"] = "in_out"
    examples: Literal["rows", "columns"] = "rows"


class LayersSubmissionDocument(BaseModel):
    """A network of layers, its problem, and the gradients that somebody says are its answer."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    network: NetworkDocument
    loss: str | dict[str, Any]
    parameters: dict[str, Numbers]
    inputs: list[list[float]]
    targets: list[int] | list[list[float]]
    gradients: dict[str, Numbers]
    masks: dict[str, list[list[float]]] | None = None
    precision: Precision | None = None
    reported_loss: float | str | None = None
    tolerance: str | dict[str, Any] | None = None
    names: dict[str, str] | None = None


class TensorDocument(RootModel[float | str | list[Any]]):
    """An array of up to 8 axes, as lists of lists of numbers; one number is written as such."""

    # The schema does not refer to itself: generators of clients drop schemas that do.


class NodeDocument(BaseModel):
    """An operation applied to inputs, parameters, other nodes and numbers; each takes options of its own."""

    model_config = ConfigDict(extra="forbid")

    name: str
    op: str = Field(json_schema_extra={"enum": list(OPERATIONS)})
    args: list[str | float] = Field(min_length=1)
    exponent: float | None = Field(None, description="of power")
    slope: float | None = Field(None, description="of leaky_relu")
    alpha: float | None = Field(None, description="of elu and celu")
    min: float | None = Field(None, description="of clip")
    max: float | None = Field(None, description="of clip")
    threshold: float | None = Field(None, description="of softshrink")
    axes: list[int] | int | None = Field(
        None, description="of transpose; a count, of layer_norm and rms_norm"
    )
    shape: list[int] | None = Field(None, description="of reshape and broadcast_to")
    axis: int | list[int] | None = Field(
        None, description="of reductions, softmax, log_softmax, concatenate, stack, flip, roll and others"
    )
    keepdims: bool | None = Field(None, description="of reductions")
    index: int | list[int | list[int | None] | None] | None = Field(None, description="of slice")
    shift: int | list[int] | None = Field(None, description="of roll")
    times: int | list[int] | None = Field(None, description="of repeat")
    widths: list[list[int]] | None = Field(None, description="of pad")
    value: float | None = Field(None, description="of pad")
    diagonal: int | None = Field(None, description="of tril and triu")
    offset: int | None = Field(None, description="of diagonal")
    correction: float | None = Field(None, description="of var and std")
    order: float | Literal["inf"] | None = Field(None, description="of norm and distances")
    subscripts: str | None = Field(None, description="of einsum")
    stride: int | list[int] | None = Field(None, description="of convolutions and pooling")
    padding: int | list[int] | None = Field(None, description="of convolutions and pooling")
    dilation: int | list[int] | None = Field(None, description="of convolutions and max_pool")
    groups: int | None = Field(None, description="of convolutions and group_norm")
    output_padding: int | list[int] | None = Field(None, description="of transposed_convolution")
    kernel: int | list[int] | None = Field(None, description="of pooling")
    ceil_mode: bool | None = Field(None, description="of pooling")
    count_padding: bool | None = Field(None, description="of average_pool")
    divisor: int | None = Field(None, description="of average_pool")
    epsilon: float | None = Field(None, description="of normalisations")
    causal: bool | None = Field(None, description="of attention")
    scale: float | None = Field(None, description="of attention")
    reduction: Literal["mean", "sum", "none"] | None = Field(
        None, description="of l1, huber and other losses"
    )
    delta: float | None = Field(None, description="of huber")
    beta: float | None = Field(None, description="of smooth_l1")
    weights: list[float] | None = Field(None, description="of classes, in losses of classes")
    ignore: int | None = Field(None, description="a class, in losses of classes")
    smoothing: float | None = Field(None, description="of losses of classes")
    margin: float | None = Field(None, description="of multiclass_hinge")
    power: int | None = Field(None, description="of multiclass_hinge")
    factor: float | None = Field(None, description="of mse and the cross entropies")
    batch: Literal["mean", "sum"] | None = Field(None, description="of mse and the cross entropies")
    outputs: Literal["sum", "mean"] | None = Field(None, description="of mse and binary_cross_entropy")
    on: Literal["logits", "probabilities"] | None = Field(None, description="of the cross entropies")


class GraphDocument(BaseModel):
    """Any directed acyclic graph of operations, with one number at its end."""

    model_config = ConfigDict(extra="forbid")

    inputs: list[str] = Field([], description="names of what is given and not learnt")
    nodes: list[NodeDocument] = Field(min_length=1)
    output: str = Field(description="the node that is differentiated")


class GraphSubmissionDocument(BaseModel):
    """A graph, its problem, and gradients: of a parameter by its name, `inputs.x`, `nodes.h`."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    network: GraphDocument
    parameters: dict[str, TensorDocument] = {}
    inputs: dict[str, TensorDocument] = {}
    gradients: dict[str, TensorDocument]
    precision: Precision | None = None
    reported_loss: float | str | None = None
    tolerance: str | dict[str, Any] | None = None


class SubmissionDocument(RootModel[LayersSubmissionDocument | GraphSubmissionDocument]):
    """A problem, and the gradients that somebody says are its answer: of layers, or of a graph."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [example_document("wrong-layer"), BUGGY_EXAMPLES["two-path-diamond"].document()]
        }
    )


class Summary(BaseModel):
    parameters: int
    correct: int
    incorrect: int
    undecided: int
    missing: int


class EntryDocument(BaseModel):
    model_config = ConfigDict(extra="allow")

    index: list[int]
    verdict: EntryVerdict
    submitted: Figure | None = None
    expected: Figure | None = None
    uncertainty: Figure | None = Field(None, description="of `expected`")
    tolerance: Figure | None = Field(None, description="how far `submitted` may be from `expected`")
    abs_error: Figure | None = None
    rel_error: Figure | None = None
    subgradient: bool = Field(False, description="at a kink, where every slope between both sides is right")


class ParameterDocument(BaseModel):
    """A parameter. A student's report has its name, shape and verdict alone."""

    model_config = ConfigDict(extra="allow")

    name: str
    shape: list[int]
    verdict: Literal["correct", "incorrect", "undecided", "missing"]
    submitted_as: str | None = Field(None, description="the name in the submission, if it is another")
    correct: int | None = None
    incorrect: int | None = None
    undecided: int | None = None
    uninformative: int | None = Field(None, description="entries whose true gradient is 0 here")
    to_rounding: int | None = None
    subgradients: int | None = None
    max_abs_error: Figure | None = None
    max_rel_error: Figure | None = None
    relative_norm_error: Figure | None = None
    cosine: Figure | None = None
    ratio: Figure | None = None
    worst: list[EntryDocument] = []
    entries: dict[str, Any] | None = Field(None, description="whole arrays, with ?entries=all")


class DiagnosisDocument(BaseModel):
    """A mistake that reproduces the submitted numbers, or `unexplained`."""

    model_config = ConfigDict(extra="allow")

    bug: str | None = None
    title: str | None = None
    layer: int | None = Field(None, description="counted from 0; null for the whole network")
    node: str | None = Field(None, description="of a graph")
    equation: str | None = None
    parameters: list[str] = []
    factor: Figure | None = None
    residual: Figure | None = None
    also_consistent: list[str] = Field([], description="bugs that give the same numbers here")
    explanation: str | None = None
    formula: str | None = None
    right_formula: str | None = None
    used_formula: str | None = None
    hint: str | None = None


class WarningDocument(BaseModel):
    model_config = ConfigDict(extra="allow")

    code: str
    detail: str
    layer: int | None = None
    units: list[int] | None = None


class EvidenceDocument(BaseModel):
    """What an independent method says of the gradients."""

    model_config = ConfigDict(extra="allow")

    oracle: str
    entries: int
    agrees: bool | None = Field(description="null if it was not asked or gave no answer")
    max_disagreement: Figure | None = None
    uncertainty: str
    reason: str | None = None


class LossReportDocument(BaseModel):
    model_config = ConfigDict(extra="allow")

    value: Figure
    uncertainty: Figure
    reported: Figure | None = None
    verdict: EntryVerdict | None = Field(None, description="of the reported loss")
    graded_under: dict[str, Any] = Field(description="the loss with all its fields")


class ReportDocument(BaseModel):
    """A report. A student's report has no field that is null here. Later releases may add fields."""

    model_config = ConfigDict(extra="allow")

    schema_name: Literal["gradjury.report/1"] = Field(alias="schema")
    name: str | None = None
    audience: Literal["student"] | None = Field(None, description="absent for graders")
    verdict: EntryVerdict
    loss: LossReportDocument | None = None
    summary: Summary | None = None
    parameters: list[ParameterDocument]
    diagnosis: list[DiagnosisDocument]
    warnings: list[WarningDocument]
    evidence: list[EvidenceDocument] | None = None
    convention: dict[str, Any] | None = None
    precision: str | None = None
    tolerance: dict[str, Any] | None = None
    network: dict[str, Any] | None = Field(None, description="layers, or nodes of a graph")
    versions: dict[str, str] | None = None
    seconds: float | None = None


class MistakeDocument(BaseModel):
    pointer: str = Field(description="JSON pointer, RFC 6901; empty for the whole document")
    detail: str = Field(description="the rule, the value and a fix, as one sentence")
    expected: str | None = Field(None, description="the rule")
    actual: str | None = Field(None, description="the value, without its numbers")
    remedy: str | None = Field(None, description="a fix, if there is one")


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[MistakeDocument] | None = None


class GradientsDocument(BaseModel):
    """The submission of a student to an assignment: gradients alone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"gradients": example_document("wrong-layer")["gradients"]}]},
    )

    gradients: dict[str, TensorDocument] = Field(description="of a graph also of `inputs.x` and `nodes.h`")
    reported_loss: float | str | None = None
    precision: Precision | None = None


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


class Readiness(BaseModel):
    status: Literal["ready", "not ready"]
    storage: bool = Field(description="whether the database takes a write")
    oracles: dict[str, bool | None] = Field(description="whether it agrees; null where it gave no answer")


class VersionDocument(BaseModel):
    name: Literal["gradjury"]
    version: str
    report: str = Field(description="the schema of reports")


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
