"""verify(): a submission in, a report out. It reads as the recipe."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from time import perf_counter
from typing import Any

import numpy as np

from reference_impl.network import Trace, forward, named
from reference_impl.problem import Problem, risk_value
from verifier.caution import Caution
from verifier.comparison import compare
from verifier.consensus import Consensus, consult
from verifier.documents.reading import read_submission
from verifier.estimate import Answer
from verifier.informativeness import uninformative_parts
from verifier.oracles import ORACLES
from verifier.parameter_report import report_parameter
from verifier.precision import PRECISIONS
from verifier.report import LossReport, ParameterReport, Report
from verifier.rounding import Rounding, rounding
from verifier.submission import Submission
from verifier.verdict import Verdict, of_whole


def verify(
    submission: Submission | Mapping[str, Any],
    *,
    oracles: Sequence[str] | None = None,
    entries: str = "worst",
) -> Report:
    """Judge a submission, given as `load` gave it or as the contract's document (arrays allowed for lists).

    oracles: names out of ORACLES, in the order of precedence; all by default.
    entries: `worst`, or `all` for the whole arrays beside them.
    Raises: MalformedSubmission listing every mistake of the document; ValueError for an unknown oracle.
    """
    started = perf_counter()
    if not isinstance(submission, Submission):
        submission = read_submission(submission)
    if entries not in ("worst", "all"):
        raise ValueError(f"entries is 'worst' or 'all', got {entries!r}")
    problem = submission.problem
    trace = forward(problem.network, problem.parameters, problem.batch)
    honest = rounding(problem, trace, PRECISIONS["float64"])
    allowed = honest
    if submission.precision.name != "float64":
        allowed = rounding(problem, trace, submission.precision)

    answers = ask(problem, honest, oracles)
    consensus = consult(answers, {name: array.shape for name, array in named(problem.parameters)})
    parameters = _judge(submission, consensus, allowed, whole_arrays=entries == "all")
    return Report(
        verdict=of_whole(parameter.verdict for parameter in parameters.values()),
        loss=_judge_loss(submission, trace, honest, allowed),
        parameters=parameters,
        warnings=(*submission.cautions, *_cautions(problem, trace, parameters, consensus)),
        evidence=consensus.evidence,
        versions=_versions(consensus),
        seconds=perf_counter() - started,
        name=submission.name,
        convention={"weights": submission.convention.weights, "examples": submission.convention.examples},
        precision=submission.precision.name,
        tolerance={
            "preset": submission.tolerance.preset,
            "rtol": submission.tolerance.rtol,
            "atol": submission.tolerance.atol,
        },
    )


def ask(problem: Problem, honest: Rounding, oracles: Sequence[str] | None = None) -> dict[str, Answer]:
    """Put the problem to each oracle. Raises: ValueError naming the known ones for a name that is none."""
    names = list(ORACLES) if oracles is None else list(oracles)
    unknown = [name for name in names if name not in ORACLES]
    if unknown or not names:
        found = ", ".join(map(repr, unknown)) or "none"
        raise ValueError(f"expected oracles among {', '.join(ORACLES)}, got {found}")
    return {name: ORACLES[name].gradient(problem, honest) for name in names}


def _judge(
    submission: Submission, consensus: Consensus, allowed: Rounding, whole_arrays: bool
) -> dict[str, ParameterReport]:
    reports: dict[str, ParameterReport] = {}
    for name, expected in consensus.reference.items():
        if name not in submission.gradients:
            shape = _submitted_shape(submission, name)
            reports[name] = ParameterReport(name=name, shape=shape, verdict=Verdict.MISSING)
            continue
        comparison = compare(
            submission.gradients[name],
            expected,
            allowed.allowance[name],
            allowed.scale[name],
            consensus.disputed[name],
            submission.tolerance,
        )
        reports[name] = report_parameter(name, comparison, submission.convention, whole_arrays)
    return reports


def _submitted_shape(submission: Submission, name: str) -> tuple[int, ...]:
    from verifier.convention import as_submitted

    array = dict(named(submission.problem.parameters))[name]
    return tuple(as_submitted(name, array, submission.convention).shape)


def _judge_loss(submission: Submission, trace: Trace, honest: Rounding, allowed: Rounding) -> LossReport:
    value, uncertainty = risk_value(submission.problem, trace), honest.loss
    verdict = None
    if submission.reported_loss is not None:
        slack = uncertainty + allowed.loss
        slack += submission.tolerance.rtol * abs(value) + submission.tolerance.atol
        if not np.isfinite(value) or not np.isfinite(slack):
            verdict = Verdict.UNDECIDED
        else:
            within = abs(submission.reported_loss - value) <= slack
            verdict = Verdict.CORRECT if within else Verdict.INCORRECT
    return LossReport(
        value=value,
        uncertainty=uncertainty,
        graded_under=submission.graded_under,
        reported=submission.reported_loss,
        verdict=verdict,
    )


def _cautions(
    problem: Problem, trace: Trace, parameters: Mapping[str, ParameterReport], consensus: Consensus
) -> Iterable[Caution]:
    if any(parameter.uninformative for parameter in parameters.values()) or problem.batch.size == 1:
        yield from uninformative_parts(problem, trace)
    for item in consensus.evidence:
        if item.disputed:
            where = ", ".join(f"{count} of {name}" for name, count in item.disputed)
            yield Caution(
                "oracles-disagree",
                f"{item.oracle} contradicts {consensus.source} beyond both their errors in entries: {where}; "
                "they are undecided, and nobody is blamed",
            )
    if not np.isfinite(risk_value(problem, trace)):
        yield Caution(
            "loss-not-finite",
            "the loss of this problem is not a finite number, so it has no gradient to compare with",
        )


def _versions(consensus: Consensus) -> dict[str, str]:
    packages = ["gradjury", "numpy"]
    packages += [need for item in consensus.evidence if item.entries for need in ORACLES[item.oracle].needs]
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in packages}
