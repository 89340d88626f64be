"""Combine the judged uses of an operation into one report."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata

from verifier.caution import Caution
from verifier.consensus import Evidence
from verifier.convention import Convention
from verifier.diagnosis.diagnosis import Diagnosis
from verifier.operation_check.finding import Finding
from verifier.operation_check.judging import Judged
from verifier.operation_check.written import WrittenOperation
from verifier.parameter_report import report_parameter
from verifier.report import LossReport, ParameterReport, Report
from verifier.tolerance import TOLERANCES
from verifier.verdict import Verdict


def merged(evidence: Iterable[Sequence[Evidence]]) -> tuple[Evidence, ...]:
    """Return the evidence of each oracle over all uses."""
    by_oracle: dict[str, Evidence] = {}
    for rows in evidence:
        for row in rows:
            by_oracle[row.oracle] = _combine(by_oracle[row.oracle], row) if row.oracle in by_oracle else row
    return tuple(by_oracle.values())


def _combine(one: Evidence, other: Evidence) -> Evidence:
    agreements = [row.agrees for row in (one, other) if row.agrees is not None]
    distances = [row.max_disagreement for row in (one, other) if row.max_disagreement is not None]
    return Evidence(
        one.oracle,
        one.entries + other.entries,
        all(agreements) if agreements else None,
        max(distances) if distances else None,
        one.uncertainty,
        one.reason or other.reason,
    )


def report_of(
    operation: WrittenOperation,
    judged: Sequence[Judged],
    verdict: Verdict,
    findings: Sequence[Finding],
    warnings: Sequence[Caution],
    evidence: tuple[Evidence, ...],
) -> Report | None:
    """Return the report on one use; None if there are no comparisons.

    The use is the first with a finding, or else the first without undecided entries.
    """
    compared = [use for use in judged if use.comparisons]
    if not compared:
        return None
    decided = (use for use in compared if use.is_decided)
    shown = next((use for use in compared if use.findings), next(decided, compared[0]))
    convention, tolerance = Convention(), TOLERANCES["standard"]
    parameters: Mapping[str, ParameterReport] = {
        name: report_parameter(name, row, convention, False) for name, row in shown.comparisons.items()
    }
    names = operation.arguments[: len(shown.case.arguments)]
    misshapen = {
        name: ParameterReport(name=name, shape=argument.shape, verdict=Verdict.MISSING)
        for name, argument, gradient in zip(names, shown.case.arguments, shown.tried.gradients, strict=True)
        if name not in parameters and gradient is not None
    }
    return Report(
        verdict=verdict,
        loss=LossReport(value=shown.total, uncertainty=0.0, graded_under={"operation": operation.name}),
        parameters={**parameters, **misshapen},
        warnings=tuple(warnings),
        evidence=evidence,
        versions={"python": platform.python_version()}
        | {name: metadata.version(name) for name in ("gradjury", "numpy")},
        seconds=0.0,
        name=operation.name,
        tolerance={"preset": tolerance.preset, "rtol": tolerance.rtol, "atol": tolerance.atol},
        diagnosis=tuple(_diagnosis(finding) for finding in findings),
    )


def _diagnosis(finding: Finding) -> Diagnosis:
    return Diagnosis(
        bug=finding.code,
        layer=None,
        equation="local_rule",
        parameters=(finding.place,),
        factor=None,
        residual=None,
        also_consistent=finding.also,
        title=finding.code,
        explanation=finding.explanation,
        right=finding.right,
        wrong=finding.wrong,
        hint=finding.hint,
        node=finding.place,
    )
