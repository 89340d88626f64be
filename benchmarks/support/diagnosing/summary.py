"""Diagnosis of a submission as plain data that can be sent between processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.soundness import DECIDING_ORACLES
from benchmarks.support.buggy_students import Gradients
from reference_impl import Problem
from verifier import verify
from verifier.problem.loss import loss_fields
from verifier.problem.precision import PRECISIONS
from verifier.problem.submission import TOLERANCES, Convention, Submission
from verifier.report.report import Report


@dataclass(frozen=True)
class SummaryRow:
    """Row of a diagnosis."""

    bug: str
    layer: int | None
    equation: str
    residual: float
    equivalent_bugs: tuple[str, ...] = ()
    hints: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        others = f", also {', '.join(self.equivalent_bugs)}" if self.equivalent_bugs else ""
        numbers = {key: value for key, value in self.hints.items() if np.ndim(value) == 0}
        return f"{self.bug} at {self.layer} in {self.equation} {numbers} residual {self.residual:.0e}{others}"


@dataclass(frozen=True)
class DiagnosisSummary:
    """Summary of a report: diagnosis, incorrect parameters and codes of the warnings."""

    verdict: str
    incorrect: tuple[str, ...]
    rows: tuple[SummaryRow, ...]
    warnings: tuple[str, ...]


def submission(
    problem: Problem,
    gradients: Gradients,
    precision: str = "float64",
    tolerance: str = "standard",
    convention: Convention | None = None,
) -> Submission:
    return Submission(
        None,
        problem,
        {name: np.asarray(array, dtype=np.float64) for name, array in gradients.items()},
        PRECISIONS[precision],
        None,
        TOLERANCES[tolerance],
        convention or Convention(),
        loss_fields(problem.risk),
    )


def summarize(submitted: Submission | Mapping[str, Any]) -> DiagnosisSummary:
    """Return the summary of the report on a submission, by the deciding oracles."""
    return read(verify(submitted, oracles=DECIDING_ORACLES))


def read(report: Report) -> DiagnosisSummary:
    wrong = [name for name, parameter in report.parameters.items() if parameter.verdict == "incorrect"]
    rows = tuple(_row(row) for row in report.diagnosis)
    return DiagnosisSummary(
        str(report.verdict), tuple(wrong), rows, tuple(caution.code for caution in report.warnings)
    )


def _row(row: Any) -> SummaryRow:
    hints = dict(getattr(row, "estimates", None) or {})
    if row.factor is not None:
        hints["factor"] = row.factor
    residual = float("nan") if row.residual is None else float(row.residual)
    equivalent_bugs = tuple(str(bug) for bug in row.also_consistent)
    return SummaryRow(str(row.bug), row.layer, str(row.equation), residual, equivalent_bugs, hints)
