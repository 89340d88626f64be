"""The steps that the recipe for layers and the one for graphs have in common."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import metadata
from time import perf_counter
from typing import Any

from reference_impl.array import Array
from verifier.engine.estimate import Estimate, RoundingAllowance
from verifier.judging.comparison import Comparison, compare, doubt_in, undecided_where_all_is_zero
from verifier.judging.consensus import Consensus
from verifier.judging.fast_path import Accepted
from verifier.judging.statistics import report_parameter, report_summary
from verifier.oracles import ORACLES
from verifier.problem.errors import ReportWarning
from verifier.problem.submission import Convention, GraphSubmission, Submission, to_submitted_layout
from verifier.report.model import Diagnosis, Evidence, LossReport, ParameterReport
from verifier.report.report import Report
from verifier.report.verdict import Verdict, overall_verdict


def compare_gradients(
    names: Iterable[str],
    submission: Submission | GraphSubmission,
    reference: Mapping[str, Estimate],
    rounding_allowance: RoundingAllowance,
    consensus: Consensus,
) -> dict[str, Comparison]:
    """Return the comparison of every named gradient with the reference."""
    comparisons = {
        name: compare(
            submission.gradients[name],
            reference[name],
            rounding_allowance.allowance[name],
            rounding_allowance.scale[name],
            consensus.disputed[name],
            submission.tolerance,
            doubt_in(submission.precision),
        )
        for name in names
    }
    return undecided_where_all_is_zero(comparisons)


def report_compared(
    shapes: Mapping[str, Sequence[int]],
    comparisons: Mapping[str, Comparison],
    convention: Convention,
    whole_arrays: bool,
) -> dict[str, ParameterReport]:
    """Return the report of every gradient that is asked for; those without a comparison are missing.

    shapes: of all gradients, as the submission writes them.
    """
    return {
        name: report_parameter(name, comparisons[name], convention, whole_arrays)
        if name in comparisons
        else ParameterReport(name=name, shape=tuple(shape), verdict=Verdict.MISSING)
        for name, shape in shapes.items()
    }


def report_accepted(
    accepted: Accepted, gradients: Mapping[str, Array], convention: Convention
) -> dict[str, ParameterReport]:
    """Return the report of every gradient of a submission that the fast path accepted."""
    return {
        name: report_summary(
            name, summary, tuple(to_submitted_layout(name, gradients[name], convention).shape)
        )
        for name, summary in accepted.summaries.items()
    }


def assemble_report(
    submission: Submission | GraphSubmission,
    started: float,
    loss: LossReport,
    parameters: Mapping[str, ParameterReport],
    warnings: Iterable[ReportWarning],
    evidence: tuple[Evidence, ...],
    diagnosis: tuple[Diagnosis, ...],
    **outline: Any,
) -> Report:
    """Return the report. started: when the check began. outline: fields that describe the problem."""
    tolerance = submission.tolerance
    for name in submission.submitted_names.keys() & parameters.keys():
        row = replace(parameters[name], submitted_as=submission.submitted_names[name])
        parameters = {**parameters, name: row}
    return Report(
        verdict=overall_verdict(parameter.verdict for parameter in parameters.values()),
        loss=loss,
        parameters=parameters,
        warnings=(*submission.warnings, *warnings),
        evidence=evidence,
        versions=_versions(need for row in evidence if row.entries for need in ORACLES[row.oracle].needs),
        seconds=perf_counter() - started,
        name=submission.name,
        precision=submission.precision.name,
        tolerance={"preset": tolerance.preset, "rtol": tolerance.rtol, "atol": tolerance.atol},
        diagnosis=diagnosis,
        **outline,
    )


def _versions(needs: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python, this package, numpy, and further packages, by name."""
    packages = ("gradjury", "numpy", *needs)
    return {"python": platform.python_version()} | {name: _version(name) for name in packages}


@cache
def _version(package: str) -> str:
    return metadata.version(package)
