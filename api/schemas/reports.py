"""Reports."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Figure = float | Literal["NaN", "Infinity", "-Infinity"]
EntryVerdict = Literal["correct", "incorrect", "undecided"]


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
