"""From many judged uses to one report, of the kind that submissions get."""

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
    """Add up what each oracle said over all uses."""
    found: dict[str, Evidence] = {}
    for rows in evidence:
        for own in rows:
            found[own.oracle] = _joined(found[own.oracle], own) if own.oracle in found else own
    return tuple(found.values())


def _joined(one: Evidence, other: Evidence) -> Evidence:
    told = [own.agrees for own in (one, other) if own.agrees is not None]
    distances = [own.max_disagreement for own in (one, other) if own.max_disagreement is not None]
    return Evidence(
        one.oracle,
        one.entries + other.entries,
        all(told) if told else None,
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
    """Return the report on one use: the first with a mistake, else the first that is decided throughout.

    None without comparisons.
    """
    compared = [own for own in judged if own.comparisons]
    if not compared:
        return None
    decided = (own for own in compared if own.is_decided)
    shown = next((own for own in compared if own.findings), next(decided, compared[0]))
    convention, tolerance = Convention(), TOLERANCES["standard"]
    parameters: Mapping[str, ParameterReport] = {
        name: report_parameter(name, row, convention, False) for name, row in shown.comparisons.items()
    }
    names = operation.arguments[: len(shown.case.arguments)]
    misshapen = {
        name: ParameterReport(name=name, shape=own.shape, verdict=Verdict.MISSING)
        for name, own, gradient in zip(names, shown.case.arguments, shown.tried.gradients, strict=True)
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
        diagnosis=tuple(_row(own) for own in findings),
    )


def _row(finding: Finding) -> Diagnosis:
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
